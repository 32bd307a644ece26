use napi::bindgen_prelude::Either;
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use crate::clone::credentials;

/// A user of the password database, with the groups that initgroups(3) would set for `gid` (its own if absent).
#[napi(object)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// Returns a user by its ID or its name. Null if the password database has no such user.
#[napi(catch_unwind)]
pub fn find_user(env: Env, user: Either<u32, String>, gid: Option<u32>) -> Result<Option<Account>> {
    let found = match &user {
        Either::A(uid) => credentials::Account::by_uid(*uid),
        Either::B(name) => credentials::Account::by_name(name),
    };
    let Some(account) = found.or_throw(&env)? else { return Ok(None) };
    let gid = gid.unwrap_or(account.gid);
    let groups = account.groups(gid).or_throw(&env)?;
    Ok(Some(Account { uid: account.uid, gid, groups }))
}

/// Returns the ID of a group. Null if the group database has no such group.
#[napi(catch_unwind)]
pub fn find_group(env: Env, name: String) -> Result<Option<u32>> {
    credentials::group_id(&name).or_throw(&env)
}

/// The new credentials of a process. An absent field leaves the credential as it is.
#[napi(object)]
pub struct Credentials {
    pub uid: Option<u32>,
    pub gid: u32,
    pub groups: Option<Vec<u32>>,
}

impl From<Credentials> for credentials::Identity {
    fn from(credentials: Credentials) -> Self {
        Self { uid: credentials.uid, gid: credentials.gid, groups: credentials.groups }
    }
}

/// Takes on credentials in this process.
#[napi(catch_unwind)]
pub fn take_on(env: Env, credentials: Credentials) -> Result<()> {
    credentials::Identity::from(credentials).take_on().or_throw(&env)
}
