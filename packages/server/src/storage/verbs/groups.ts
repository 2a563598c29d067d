import type { Lasting, Statement, Unit } from '../sql/engine.js'
import * as agents from './agents.js'
import * as bindings from './bindings.js'
import * as blockNotices from './block-notices.js'
import * as deliveries from './deliveries.js'
import * as devices from './devices.js'
import * as emails from './emails.js'
import * as extensions from './extensions.js'
import * as grants from './grants.js'
import * as issues from './issues.js'
import * as keys from './keys.js'
import * as links from './links.js'
import * as logos from './logos.js'
import * as newGrants from './new-grants.js'
import * as passkeys from './passkeys.js'
import * as polledRequests from './polled-requests.js'
import * as receivedRevocations from './received-revocations.js'
import * as secondFactors from './second-factors.js'
import * as subjects from './subjects.js'

/** Turns verbs, which are functions over a statement or a transaction, into methods of the storage. */
interface VerbRunner {
  reading: <A extends unknown[], T>(
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ) => (...args: A) => Promise<T>
  alone: <A extends unknown[], T>(
    lasting: Lasting,
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ) => (...args: A) => Promise<T>
  together: <A extends unknown[], T>(
    lasting: Lasting,
    verb: (unit: Unit, ...args: A) => Promise<T>,
  ) => (...args: A) => Promise<T>
}

/** The verbs of requests whose agents poll for the decision. */
export const createPollingVerbs = ({ alone, reading, together }: VerbRunner) => ({
  abandonRequests: together('disk', agents.abandonRequests),
  findPolledRequest: reading(polledRequests.findPolledRequest),
  findPolledStates: reading(polledRequests.findPolledStates),
  markAnswered: alone('disk', polledRequests.markAnswered),
  relinquishRequest: together('disk', polledRequests.relinquishRequest),
  countWrongLink: together('process', polledRequests.countWrongLink),
})

/** The verbs of the server's keys. */
export const createKeyVerbs = ({ reading, together }: VerbRunner) => ({
  listKeys: reading(keys.listKeys),
  addKey: together('disk', keys.addKey),
  createKeysIfNone: together('disk', keys.createKeysIfNone),
  moveKeys: together('disk', keys.moveKeys),
})

/** The verbs of agents' logos. */
export const createLogoVerbs = ({ alone, reading }: VerbRunner) => ({
  claimLogo: alone('process', logos.claimLogo),
  keepLogo: alone('process', logos.keepLogo),
  removeLogo: alone('process', logos.removeLogo),
  findLogos: reading(logos.findLogos),
  readLogo: reading(logos.readLogo),
})

/** The verbs of bindings, subjects and devices. */
export const createRelationVerbs = ({ alone, reading, together }: VerbRunner) => ({
  createDeviceCode: together('disk', devices.createDeviceCode),
  redeemDeviceCode: together('disk', devices.redeemDeviceCode),
  findDeviceCode: reading(devices.findDeviceCode),
  confirmDevice: together('disk', devices.confirmDevice),
  findDevice: reading(devices.findDevice),
  useDevice: alone('process', devices.useDevice),
  listDevices: reading(devices.listDevices),
  disconnectDevice: together('disk', devices.disconnectDevice),
  findBinding: reading(bindings.findBinding),
  listBindings: reading(bindings.listBindings),
  removeBinding: together('disk', bindings.removeBinding),
  listSubjects: reading(subjects.listSubjects),
  findUserBySubject: reading(subjects.findUserBySubject),
})

/** The verbs of issued tokens, and of revocations, including those that are sent and received. */
export const createRevocationVerbs = ({ reading, together }: VerbRunner) => ({
  revokeGrant: together('disk', grants.revokeGrant),
  revokeGrants: together('disk', grants.revokeGrants),
  removePermissions: together('disk', newGrants.removePermissions),
  listExtendable: reading(extensions.listExtendable),
  extendPermissions: together('disk', extensions.extendPermissions),
  findIssue: reading(issues.findIssue),
  findDueDeliveries: reading(deliveries.findDueDeliveries),
  claimDeliveries: together('disk', deliveries.claimDeliveries),
  settleDelivery: together('disk', deliveries.settleDelivery),
  listDeliveries: reading(deliveries.listDeliveries),
  isRevoked: reading(receivedRevocations.isRevoked),
  recordPoll: together('disk', receivedRevocations.recordPoll),
})

/** The verbs of passkeys, second factors, one-time links, notices and emails. */
export const createSignInVerbs = ({ reading, together }: VerbRunner) => ({
  addPasskey: together('disk', passkeys.addPasskey),
  listPasskeys: reading(passkeys.listPasskeys),
  findPasskey: reading(passkeys.findPasskey),
  usePasskey: together('disk', passkeys.usePasskey),
  removePasskey: together('disk', passkeys.removePasskey),
  findSecondFactor: reading(secondFactors.findSecondFactor),
  setSecondFactor: together('disk', secondFactors.setSecondFactor),
  replaceRecoveryCodes: together('disk', secondFactors.replaceRecoveryCodes),
  removeSecondFactor: together('disk', secondFactors.removeSecondFactor),
  useSecondFactor: together('disk', secondFactors.useSecondFactor),
  notifyOfBlocks: together('disk', blockNotices.notifyOfBlocks),
  queueEmail: together('disk', emails.queueEmail),
  claimEmails: together('disk', emails.claimEmails),
  settleEmail: together('disk', emails.settleEmail),
  confirmEmail: together('disk', emails.confirmEmail),
  createLink: together('disk', links.createLink),
  findLink: reading(links.findLink),
  setPasswordByLink: together('disk', links.setPasswordByLink),
  addPasskeyByLink: together('disk', links.addPasskeyByLink),
})
