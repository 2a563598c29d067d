import type { ComponentChildren } from 'preact'
import type {
  AccountEvent,
  AgentEvent,
  AgentPage,
  PasswordPage,
  SecurityPage,
  SignedOutPage,
} from '../../models/account-models.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'
import { enDevices } from './security.js'

const [counted, duration] = [createCounted('en'), createDuration('en')]

const agentEvents: Record<
  AgentEvent,
  (agent: ComponentChildren, resource: ComponentChildren, detail: ComponentChildren) => ComponentChildren[]
> = {
  allowed_once: (agent, resource, call) => phrase`You let ${agent} do this at ${resource}, just once: ${call}.`,
  allowed: (agent, resource) => phrase`You gave ${agent} access to ${resource}.`,
  denied: (agent, resource) => phrase`You didn’t give ${agent} access to ${resource}.`,
  remembered: (agent, resource) =>
    phrase`${agent} asked again for access to ${resource} that you had already given. We didn’t ask you again.`,
  used: (agent, resource) => phrase`${agent} used its access to ${resource}.`,
  removed: (agent, resource) => phrase`You removed access to ${resource} for ${agent}.`,
  removed_by_server: (agent, resource) => phrase`An administrator removed access to ${resource} for ${agent}.`,
  blocked_by_server: (agent) => phrase`An administrator blocked ${agent}: it can’t get new access.`,
  permission_extended: (agent, resource, names) => phrase`You extended access to ${resource} for ${agent}: ${names}.`,
  permission_removed: (agent, resource, names) =>
    phrase`You removed permissions from ${agent} at ${resource}: ${names}.`,
}

const signInEvents: Record<AgentEvent, (agent: ComponentChildren, detail: ComponentChildren) => ComponentChildren[]> = {
  allowed_once: (agent, call) => phrase`You let ${agent} do this at its own service, just once: ${call}.`,
  allowed: (agent) => phrase`You let ${agent} sign you in.`,
  denied: (agent) => phrase`You didn’t let ${agent} sign you in.`,
  remembered: (agent) =>
    phrase`${agent} asked again to sign you in, which you had already allowed. We didn’t ask you again.`,
  used: (agent) => phrase`${agent} signed you in.`,
  removed: (agent) => phrase`You stopped letting ${agent} sign you in.`,
  removed_by_server: (agent) => phrase`An administrator stopped letting ${agent} sign you in.`,
  blocked_by_server: (agent) => phrase`An administrator blocked ${agent}: it can’t get new access.`,
  permission_extended: (agent, names) => phrase`You extended access to its own service for ${agent}: ${names}.`,
  permission_removed: (agent, names) => phrase`You removed permissions from ${agent} at its own service: ${names}.`,
}

const accountEvents: Record<AccountEvent, string> = {
  signed_up: 'Account created.',
  signed_in: 'You signed in.',
  sign_in_failed: 'Failed sign-in attempt.',
  signed_out: 'You signed out.',
  session_ended: 'You signed out another device.',
  session_displaced: 'Your oldest sign-in ended, because you signed in on too many devices.',
  signed_out_everywhere: 'You signed out everywhere.',
  session_ended_by_server: 'An administrator signed out one of your devices.',
  signed_out_others: 'You signed out all other devices.',
  signed_out_by_server: 'An administrator signed you out everywhere.',
  password_changed_by_server: 'An administrator set a new password.',
  provider_added: 'Another way to sign in was linked to your account.',
  provider_removed: 'You removed a sign-in provider.',
  edited: 'Your name or email address was changed.',
  edited_by_server: 'An administrator changed your name or email address.',
  email_confirmed: 'You confirmed your email address.',
  link_created: 'A link for setting your password was created.',
  password_changed: 'You changed your password.',
  passkey_added: 'You added a passkey.',
  passkey_removed: 'You removed a passkey.',
  passkey_removed_by_server: 'An administrator removed a passkey.',
  factor_added: 'You set up two-step sign-in.',
  factor_removed: 'You turned off two-step sign-in.',
  factor_removed_by_server: 'An administrator turned off two-step sign-in.',
  recovery_codes_replaced: 'You got new recovery codes.',
  recovery_code_used: 'You used a recovery code.',
  downloaded: 'You downloaded your data.',
}

const notices: Record<NonNullable<SecurityPage['notice']>, string> = {
  password_changed: 'Your password was changed. You’re signed out everywhere else.',
  passkey_added: 'The passkey was added.',
  passkey_removed: 'The passkey was removed.',
  passkey_failed: 'The passkey wasn’t added. Try again.',
  factor_removed: 'Two-step sign-in is off.',
  session_ended: 'That device is signed out.',
  others_ended: 'All other devices are signed out.',
}

const passwordProblems: Record<NonNullable<PasswordPage['problem']>, string> = {
  wrong_password: 'Your current password is incorrect. Try again.',
  throttled: 'Too many attempts. Wait a few minutes, then try again.',
  new_password_too_short: 'The new password is too short. Choose a longer one.',
  new_password_too_long: 'The new password is too long. Choose a shorter one.',
  new_password_common: 'Many people use this password, so it’s easy to guess. Choose another.',
  new_password_same: 'This is your current password. Choose another.',
}

const ended: Record<NonNullable<AgentPage['ended']>['by'], (moment: ComponentChildren) => ComponentChildren[]> = {
  person: (moment) => phrase`You removed its access on ${moment}.`,
  server: (moment) => phrase`An administrator removed its access on ${moment}.`,
  time: (moment) => phrase`Its access ended on ${moment}.`,
}

const left: Record<SignedOutPage['reason'], { heading: string; explanation: string }> = {
  signed_out: {
    heading: 'You’re signed out',
    explanation: 'The agents you allowed keep working until you remove them.',
  },
  signed_out_everywhere: {
    heading: 'You’re signed out everywhere',
    explanation: 'The agents you allowed keep working until you remove them.',
  },
  email_confirmed: {
    heading: 'Your email address is confirmed',
    explanation: 'If you forget your password, we can send a link there.',
  },
  password_set: { heading: 'Your password is set', explanation: 'Sign in with it to continue.' },
  passkey_set: { heading: 'Your passkey is ready', explanation: 'Sign in with it to continue.' },
  account_closed: { heading: 'Your account is closed', explanation: 'Your agents can’t get new access.' },
}

/** The text of the account pages, in English. */
export const enAccount = {
  navigation: 'Your account',
  sections: { agents: 'My agents', activity: 'Activity', security: 'Security', yours: 'Account' },
  signOut: 'Sign out',

  agentsLead: 'These agents can act for you. You can remove any of them at any time.',
  noAgents: 'You have no agents.',
  noAgentsYet: 'Agents you allow appear here, and you can remove them here.',
  moreAgents: 'More agents can act for you than fit on this page.',
  agentPages: 'More agents',
  morePermissions: (count: number) => counted(count, { one: 'and # more permission', other: 'and # more permissions' }),
  filter: 'Find an agent',
  find: 'Find',
  found: (shown: number, total: number) => `${shown} of ${counted(total, { one: '# agent', other: '# agents' })}.`,
  showAll: 'Show all',
  actsAt: (resource: ComponentChildren) => phrase`has access to ${resource}`,
  withAccount: (name: ComponentChildren) => phrase`with your account ${name} there`,
  signsIn: 'signs you in',
  blocked: {
    agent: 'An administrator has blocked this agent: it can’t get new access.',
    host: 'An administrator has blocked all agents from this website: this one can’t get new access.',
  },
  signsRequests: 'no one else can use its access',
  worksForCopies: 'can be used by anyone who copies its access',
  hasChanged: 'What it publishes about itself has changed since you allowed it.',
  ofAgent: (agent: ComponentChildren, resource: ComponentChildren) => phrase`of ${agent} at ${resource}`,
  agentHeading: (agent: ComponentChildren, resource: ComponentChildren) => phrase`${agent} at ${resource}`,
  onlyOnce: (call: ComponentChildren) => phrase`You allowed only this, one time: ${call}.`,
  allowedOn: (day: ComponentChildren) => phrase`Allowed on ${day}.`,
  lastUsedOn: (day: ComponentChildren) => phrase`Last used on ${day}.`,
  notUsedYet: 'Not used yet.',
  unused: 'Not used for 90 days. If you don’t need it anymore, remove its access.',
  until: (moment: ComponentChildren) => phrase`until ${moment}`,
  endsOn: (day: ComponentChildren) => phrase`Ends on ${day}.`,
  endsWhenRemoved: 'Stays until you remove it.',
  isAble: 'It can',
  wasAble: 'It could',
  noLonger: (agent: ComponentChildren, resource: ComponentChildren) =>
    phrase`${agent} no longer has access to ${resource}.`,
  noLongerSignsIn: (agent: ComponentChildren) => phrase`${agent} can no longer sign you in.`,
  ended,
  latestActivity: 'Recent activity',

  remove: 'Remove access',
  removeTitle: (agentHost: string) => `Remove ${agentHost}?`,
  removeQuestion: (agent: ComponentChildren) => phrase`Remove access for ${agent}?`,
  removeEffect: (agent: ComponentChildren, resource: ComponentChildren) =>
    phrase`${agent} will no longer have access to ${resource}.`,
  removeSignIn: (agent: ComponentChildren) => phrase`${agent} will no longer be able to sign you in.`,
  removeAccount: (name: ComponentChildren) => phrase`Only its access with your account ${name} there ends.`,
  removeStops: (seconds: number) =>
    `New access stops now. Access that was already given may work for up to ${duration(seconds)}.`,
  removeEntirely: 'Remove the agent entirely',
  removeEntirelyEffect: (agent: ComponentChildren) =>
    phrase`${agent} acts only for you. If you remove it entirely, it loses all its access, at every service, and acts for no one.`,
  told: {
    pending: (resource: ComponentChildren) =>
      phrase`We’re telling ${resource} to stop accepting what the agent still holds.`,
    delivered: (resource: ComponentChildren) =>
      phrase`We told ${resource} to stop accepting what the agent held, and it confirmed that it got the message.`,
    unsupported: (resource: ComponentChildren) =>
      phrase`${resource} can’t be told, so what the agent holds there works until it ends by itself.`,
    failed: (resource: ComponentChildren) =>
      phrase`We couldn’t reach ${resource}, so what the agent holds there works until it ends by itself.`,
    expired: (resource: ComponentChildren) => phrase`What the agent held at ${resource} has ended by itself.`,
  },
  removeKeeps: 'This doesn’t undo what it has already done. If you need it again, start from the agent.',
  removePermission: 'Remove permission',
  removePermissionTitle: (agentHost: string) => `Remove a permission from ${agentHost}?`,
  removePermissionQuestion: (agent: ComponentChildren) => phrase`Remove this permission from ${agent}?`,
  removePermissionEffect: (agent: ComponentChildren) =>
    phrase`${agent} will no longer be able to do this. It keeps its other permissions.`,
  extendIt: 'Extend',
  extendQuestion: (agent: ComponentChildren) => phrase`Let ${agent} do this for longer?`,
  countsFromNow: 'The time counts from now.',
  extended: 'Extended. You can see below when it ends now.',
  keep: 'Keep it',
  removedTitle: 'Access removed',
  removed: (stopped: ComponentChildren, runsOut: ComponentChildren) =>
    phrase`Removed. New access stopped at ${stopped}; existing access ends by ${runsOut}.`,
  removedTold: (stopped: ComponentChildren, runsOut: ComponentChildren) =>
    phrase`Removed. New access stopped at ${stopped}. We’re telling the services to stop accepting what the agent still holds; you can see below whether each of them got the message. If one didn’t, existing access there ends by ${runsOut}.`,
  withoutAccess: 'Agents without access',
  stillBound: 'It acts for no one else: if it asks again, only you can allow it.',
  removeAll: 'Remove all agents',
  removeAllQuestion: 'Remove all agents’ access?',
  removeAllEffect: (count: number) =>
    counted(count, {
      one: 'This agent will no longer have access:',
      other: 'These # agents will no longer have access:',
    }),
  moreRemoved: 'And others that don’t fit on this page.',
  removeAllYes: 'Remove all',
  keepAll: 'Keep them',
  activityLead:
    'What happened with your account and your agents. If you see something you didn’t do, change your password.',
  noActivity: 'Nothing has happened yet.',
  pages: 'More activity',
  newer: 'Newer',
  older: 'Older',
  agentEvents,
  signInEvents,
  accountEvents,
  notices,
  passwordLead: 'Change it if you think someone else knows it.',
  changePassword: 'Change password',
  changePasswordEffect: 'You stay signed in here. You’re signed out everywhere else.',
  currentPassword: 'Current password',
  passwordProblems,
  passkeys: 'Passkeys',
  passkeysLead: 'A passkey lets you sign in with your fingerprint, your face or your device’s screen lock.',
  addedOn: (day: ComponentChildren) => phrase`Added on ${day}.`,
  removeIt: 'Remove',
  passkeyName: 'Passkey name (for example, “My laptop”)',
  addPasskey: 'Add a passkey',
  withoutPasskeys: 'To add a passkey, use a browser that supports passkeys, with JavaScript on.',
  removePasskey: 'Remove passkey',
  removePasskeyQuestion: (name: ComponentChildren) => phrase`Remove the passkey ${name}?`,
  removePasskeyEffect: 'You will no longer be able to sign in with it. Remove it from your device too.',
  sessions: 'Where you are signed in',
  sessionsLead: 'If you don’t recognize one of these devices, sign it out and change your password.',
  unknownDevice: 'Unknown device',
  thisDevice: 'This device',
  signedInOn: (moment: ComponentChildren) => phrase`Signed in on ${moment}.`,
  lastSeenOn: (moment: ComponentChildren) => phrase`Last seen on ${moment}.`,
  endIt: 'Sign out',
  endOthers: 'Sign out all other devices',
  signOutEverywhere: 'Sign out everywhere',
  signOutEverywhereEffect: 'This includes this device. Your agents keep their access.',

  devices: enDevices,
  yours: 'Your account',
  providers: 'Sign-in providers',
  providersLead: 'You can sign in here with your account at these providers.',
  removeProvider: 'Remove provider',
  removeProviderQuestion: (name: ComponentChildren) => phrase`Stop signing in with ${name}?`,
  removeProviderEffect: 'You will no longer be able to sign in here with your account there.',
  providerRemoved: 'The provider was removed.',
  providerOnlyWay: 'This is your only way to sign in. Add a passkey first.',
  aboutYou: 'Your name and email address',
  aboutYouLead: 'Agents learn these only if you let them. The page where you decide shows you what they would learn.',
  name: 'Name',
  saveName: 'Save name',
  changeEmail: 'Change email address',
  changeEmailLead:
    'We’ll send a link to the new address. It replaces the old one when you open the link and confirm it.',
  emailInvalid: 'This isn’t an email address. Check it and try again.',
  emailStates: { confirmed: 'confirmed', unconfirmed: 'not confirmed' },
  confirmEmail: 'Confirm your email address',
  confirmEmailLead:
    'If you forget your password, we can send a link there, but only once you’ve confirmed the address.',
  confirmEmailYes: 'Send me an email',
  agentEmails: {
    heading: 'Emails about agents',
    on: {
      lead: 'We’ll send you an email when you allow an agent for the first time, or when an agent is blocked.',
      change: 'Turn these emails off',
    },
    off: {
      lead: 'We don’t send you an email when you allow an agent for the first time, or when an agent is blocked.',
      change: 'Turn these emails on',
    },
    always: 'Emails about how you sign in, and about your devices, are always sent.',
  },
  emailRequested: 'We’re sending you an email with a link. Open it to confirm your address.',
  madeOn: 'Created',
  download: 'Your data',
  downloadLead: 'Get a file with the data we keep about you: your account, your agents and your activity.',
  downloadYes: 'Download',
  close: 'Close account',
  closeLead: 'This ends your account and all your agents’ access.',
  closeQuestion: 'Close your account for good?',
  closeEffect: 'You can’t undo this.',
  closeRemoves: (count: number) => counted(count, { one: '# agent loses access.', other: '# agents lose access.' }),
  closeForgets: 'You will no longer be able to sign in.',
  closeYes: 'Close account',
  keepAccount: 'Keep my account',
  left,
}
