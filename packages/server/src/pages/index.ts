/**
 * Every page of the auth server as a function from its model to HTML, for viewing the pages or proofreading a translation without a server.
 *
 * @packageDocumentation
 */

export { cleanName, cleanText } from '../lib/plain-text.js'
export { renderActivity } from './account/activity-page.js'
export { renderAgent } from './account/agent-page.js'
export { renderAgents } from './account/agents-page.js'
export { renderConnectDevice, renderDeviceCode, renderReturnToDevice } from './account/device-pages.js'
export { renderExtendPermission } from './account/extension-page.js'
export { renderPassword } from './account/password-page.js'
export {
  renderRemoveAgent,
  renderRemoveAll,
  renderRemovePasskey,
  renderRemovePermission,
  renderRemoveProvider,
} from './account/removal-pages.js'
export { renderRecoveryCodes, renderRemoveFactor, renderSetUpFactor } from './account/second-factor-pages.js'
export { renderSecurity } from './account/security-page.js'
export { renderSignedOut } from './account/signed-out-page.js'
export { renderChangeEmail, renderCloseAccount, renderYours } from './account/your-account-page.js'
export { type Asset, findAsset } from './assets.js'
export { renderCodeForm } from './code-page.js'
export { renderConsent } from './consent-page.js'
export { type EmailModel, renderEmail } from './email.js'
export { ar } from './messages/ar/ar.js'
export { chooseMessages, languages } from './messages/choose-messages.js'
export { en } from './messages/en/en.js'
export type { Messages } from './messages/messages.js'
export type {
  AccountFrame,
  Activity,
  ActivityPage,
  AgentPage,
  AgentsPage,
  AllowedAgent,
  ConfirmEmailPage,
  DeviceEntry,
  ForgotPage,
  LinkSentPage,
  NewPasswordPage,
  PasskeyEntry,
  PasswordPage,
  RemoveAgentPage,
  RemoveAllPage,
  RemovePasskeyPage,
  SecurityPage,
  SessionEntry,
  SignedOutPage,
} from './models/account-models.js'
export type { ConnectDevicePage, DeviceCodePage, ReturnToDevicePage } from './models/device-models.js'
export type {
  ConsentPage,
  ConsentRedirect,
  FormFields,
  PageFrame,
  PolicyForbidsPage,
  ReauthenticationPage,
  ReturnToAppPage,
  SignInPage,
  SignUpPage,
} from './models/models.js'
export type { ProblemPage } from './models/problem-model.js'
export type { AgentStatement, CodeForm, OwnDevice, RequestBlocks, ResourceStatement } from './models/request-blocks.js'
export type { RecoveryCodesPage, SecondStepPage, SetUpFactorPage } from './models/second-factor-models.js'
export type {
  ChangeEmailPage,
  CloseAccountPage,
  LinkedProvider,
  RemoveProviderPage,
  YoursPage,
} from './models/yours-models.js'
export { renderNewPassword } from './new-password-page.js'
export { renderPolicyForbids } from './policy-forbids-page.js'
export { renderProblem } from './problem-page.js'
export { renderReauthentication } from './reauthentication-page.js'
export { renderConfirmEmail, renderForgot, renderLinkSent } from './recovery-pages.js'
export { renderReturnToApp } from './return-to-app-page.js'
export { renderSecondStep } from './second-step-page.js'
export { renderSignIn } from './sign-in-page.js'
export { renderSignUp } from './sign-up-page.js'
