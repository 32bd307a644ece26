'use strict'

const errors = require('../core/errors.js')
const native = require('../core/native.js')

// The numbers behind a `user` and a `group`, names or numbers both; undefined where neither is given. A user's
// supplementary groups are those of the group database; without a user they stay.
function resolveCredentials(user, group) {
  if (user === undefined && group === undefined) return undefined
  const gid = typeof group === 'string' ? native.findGroup(group) : group
  if (gid === null) throw errors.unknownCredential('Group', group)
  if (user === undefined) return { __proto__: null, gid }
  const account = native.findUser(user, gid)
  if (account) return account
  if (typeof user === 'string') throw errors.unknownCredential('User', user)
  if (gid === undefined) throw errors.groupNeeded(user)
  return { __proto__: null, uid: user, gid, groups: [gid] }
}

module.exports = { resolveCredentials }
