import { accountContract } from './contract/accounts.js'
import { agentContract } from './contract/agents.js'
import { auditContract } from './contract/audit.js'
import { bindingContract } from './contract/bindings.js'
import { blockNoticeContract } from './contract/block-notices.js'
import { bystanderContract } from './contract/bystanders.js'
import { clientContract } from './contract/clients.js'
import { deliveryContract } from './contract/deliveries.js'
import { deploymentContract } from './contract/deployment.js'
import { deviceContract } from './contract/devices.js'
import { emailQueueContract } from './contract/email-queue.js'
import { emailContract } from './contract/emails.js'
import { extensionContract } from './contract/extensions.js'
import { grantContract } from './contract/grants.js'
import { keyContract } from './contract/keys.js'
import { linkContract } from './contract/links.js'
import { logoContract } from './contract/logos.js'
import { nonceContract } from './contract/nonces.js'
import { passkeyContract } from './contract/passkeys.js'
import { permissionContract } from './contract/permissions.js'
import { polledRequestContract } from './contract/polled-requests.js'
import { receivedRevocationContract } from './contract/received-revocations.js'
import { refreshContract } from './contract/refreshes.js'
import { rememberedIssueContract } from './contract/remembered-issues.js'
import { requestContract } from './contract/requests.js'
import { revocationContract } from './contract/revocations.js'
import { rotationContract } from './contract/rotations.js'
import { secondFactorContract } from './contract/second-factors.js'
import { sessionContract } from './contract/sessions.js'
import { signedRequestContract } from './contract/signed-requests.js'
import { subjectContract } from './contract/subjects.js'
import { throttleContract } from './contract/throttle.js'
import { storageContract } from './contract.js'

/** The contract of every engine. */
export const contracts = [
  storageContract,
  accountContract,
  sessionContract,
  passkeyContract,
  secondFactorContract,
  linkContract,
  blockNoticeContract,
  emailContract,
  emailQueueContract,
  throttleContract,
  nonceContract,
  signedRequestContract,
  requestContract,
  polledRequestContract,
  grantContract,
  permissionContract,
  extensionContract,
  rememberedIssueContract,
  refreshContract,
  rotationContract,
  agentContract,
  bindingContract,
  deviceContract,
  bystanderContract,
  subjectContract,
  deliveryContract,
  receivedRevocationContract,
  logoContract,
  revocationContract,
  keyContract,
  clientContract,
  auditContract,
  deploymentContract,
]
