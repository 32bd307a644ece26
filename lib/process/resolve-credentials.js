'use strict'

const errors = require('../core/errors.js')
const native = require('../core/native.js')

// Returns the IDs for a `user` and a `group`, each a name or a number. Returns undefined if neither is given. The
// supplementary groups of a user come from the group database. Without a user, the process keeps its supplementary groups.
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
