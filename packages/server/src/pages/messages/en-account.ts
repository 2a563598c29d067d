import type { Child } from 'hono/jsx'
import type {
  AccountEvent,
  AgentEvent,
  AgentPage,
  PasswordPage,
  SecurityPage,
  SignedOutPage,
} from '../account-models.js'
import { enDuration } from './en-duration.js'
import { phrase } from './phrase.js'

const agentsOf = (count: number) => (count === 1 ? '1 agent' : `${count} agents`)

const agentEvents: Record<AgentEvent, (agent: Child, resource: Child) => Child[]> = {
  allowed: (agent, resource) => phrase`You allowed ${agent} to act for you at ${resource}.`,
  denied: (agent, resource) => phrase`You did not allow ${agent} to act for you at ${resource}.`,
  remembered: (agent, resource) =>
    phrase`${agent} asked again for what you had allowed at ${resource}. We did not ask you again.`,
  used: (agent, resource) => phrase`${agent} got access to ${resource}.`,
  removed: (agent, resource) => phrase`You removed ${agent} from ${resource}.`,
  removed_by_server: (agent, resource) => phrase`The people who run this server removed ${agent} from ${resource}.`,
}

const accountEvents: Record<AccountEvent, string> = {
  signed_up: 'This account was made.',
  signed_in: 'You signed in.',
  sign_in_failed: 'Somebody tried to sign in and could not.',
  signed_out: 'You signed out.',
  session_ended: 'You signed out another device.',
  signed_out_everywhere: 'You signed out everywhere.',
  password_changed: 'You changed your password.',
  passkey_added: 'You added a passkey.',
  passkey_removed: 'You removed a passkey.',
  downloaded: 'You downloaded your data.',
}

const notices: Record<NonNullable<SecurityPage['notice']>, string> = {
  password_changed: 'Your password was changed. You are signed out everywhere else.',
  passkey_added: 'The passkey was added.',
  passkey_removed: 'The passkey was removed.',
  passkey_failed: 'The passkey was not added. Please try again.',
  session_ended: 'That device is signed out.',
}

const passwordProblems: Record<NonNullable<PasswordPage['problem']>, string> = {
  wrong_password: 'The password you have now is not right. Please try again.',
  throttled: 'Too many tries. Wait a few minutes, then try again.',
  new_password_too_short: 'The new password is too short. Please choose a longer one.',
  new_password_too_long: 'The new password is too long. Please choose a shorter one.',
  new_password_common: 'Many people use this password, so it is easy to guess. Please choose another.',
  new_password_same: 'This is the password you have now. Please choose another.',
}

const ended: Record<NonNullable<AgentPage['ended']>['by'], (moment: Child) => Child[]> = {
  person: (moment) => phrase`You removed it on ${moment}.`,
  server: (moment) => phrase`The people who run this server removed it on ${moment}.`,
  time: (moment) => phrase`Its time ended on ${moment}.`,
}

const left: Record<SignedOutPage['reason'], { heading: string; explanation: string }> = {
  signed_out: {
    heading: 'You are signed out',
    explanation: 'The agents you allowed keep working until you remove them.',
  },
  signed_out_everywhere: {
    heading: 'You are signed out everywhere',
    explanation: 'The agents you allowed keep working until you remove them.',
  },
  account_closed: { heading: 'Your account is closed', explanation: 'No agent can get new access from it. Goodbye.' },
}

/** What the pages of an account say in English. */
export const enAccount = {
  navigation: 'Your account',
  sections: { agents: 'My agents', activity: 'Activity', security: 'Security', yours: 'Account' },
  signOut: 'Sign out',

  agentsLead: 'These agents may act for you. You can remove each of them at any time.',
  noAgents: 'No agent may act for you.',
  noAgentsYet: 'When you allow an agent, you find it here, and you can remove it here.',
  filter: 'Find an agent',
  find: 'Find',
  found: (shown: number, total: number) => `${shown} of ${agentsOf(total)}.`,
  showAll: 'Show all',
  actsAt: (resource: Child) => phrase`acts for you at ${resource}`,
  signsIn: 'signs you in',
  ofAgent: (agent: Child, resource: Child) => phrase`of ${agent} at ${resource}`,
  agentHeading: (agent: Child, resource: Child) => phrase`${agent} at ${resource}`,
  allowedOn: (day: Child) => phrase`Allowed on ${day}.`,
  lastUsedOn: (day: Child) => phrase`Last used on ${day}.`,
  notUsedYet: 'Not used yet.',
  until: (moment: Child) => phrase`until ${moment}`,
  endsOn: (day: Child) => phrase`Ends on ${day}.`,
  endsWhenRemoved: 'Stays until you remove it.',
  isAble: 'It is able to',
  wasAble: 'It was able to',
  noLonger: (agent: Child, resource: Child) => phrase`${agent} can no longer act for you at ${resource}.`,
  ended,
  latestActivity: 'What it did lately',

  remove: 'Remove access',
  removeTitle: (agentHost: string) => `Remove ${agentHost}?`,
  removeQuestion: (agent: Child) => phrase`Remove the access of ${agent}?`,
  removeEffect: (agent: Child, resource: Child) => phrase`${agent} can then no longer act for you at ${resource}.`,
  removeStops: (seconds: number) =>
    `New access stops at once. What was given out before runs out within ${enDuration(seconds)}.`,
  removeKeeps: 'What it has already done stays as it is. If you need it again, start from the agent.',
  keep: 'Keep it',
  removedTitle: 'Access removed',
  removed: (stopped: Child, runsOut: Child) =>
    phrase`Removed. New access stopped at ${stopped}; the last pass runs out by ${runsOut}.`,
  removeAll: 'Remove all agents',
  removeAllQuestion: 'Remove the access of all agents?',
  removeAllEffect: (count: number) => `Then no agent can act for you. You have ${agentsOf(count)}:`,
  removeAllYes: 'Remove all',
  keepAll: 'Keep them',

  activityLead: 'What happened with your account and your agents. If something was not you, change your password.',
  noActivity: 'Nothing has happened yet.',
  pages: 'More activity',
  newer: 'Newer',
  older: 'Older',
  agentEvents,
  accountEvents,

  notices,
  passwordLead: 'Change it if you think that somebody knows it.',
  changePassword: 'Change password',
  changePasswordEffect: 'You stay signed in here, and are signed out everywhere else.',
  currentPassword: 'Password you have now',
  passwordProblems,
  passkeys: 'Passkeys',
  passkeysLead: 'A passkey lets you sign in with your finger, your face or the lock of your device.',
  addedOn: (day: Child) => phrase`Added on ${day}.`,
  removeIt: 'Remove',
  passkeyName: 'Name for a new passkey, such as your device',
  addPasskey: 'Add a passkey',
  withoutPasskeys: 'To add a passkey, use a browser that has them, with scripts turned on.',
  removePasskey: 'Remove passkey',
  removePasskeyQuestion: (name: Child) => phrase`Remove the passkey ${name}?`,
  removePasskeyEffect: 'You can then no longer sign in with it. Remove it on your device too.',
  sessions: 'Where you are signed in',
  sessionsLead: 'If you do not know one of these, sign it out and change your password.',
  unknownDevice: 'Unknown device',
  thisDevice: 'This device',
  signedInOn: (moment: Child) => phrase`Signed in on ${moment}.`,
  lastSeenOn: (moment: Child) => phrase`Last seen on ${moment}.`,
  endIt: 'Sign out',
  signOutEverywhere: 'Sign out everywhere',
  signOutEverywhereEffect: 'This device too. Your agents keep what you allowed.',

  yours: 'Your account',
  madeOn: 'Made on',
  download: 'Your data',
  downloadLead: 'Get a file with what we keep about you: your account, your agents and your activity.',
  downloadYes: 'Download',
  close: 'Close account',
  closeLead: 'This ends your account and the access of all your agents.',
  closeQuestion: 'Close your account for good?',
  closeEffect: 'You cannot undo this.',
  closeRemoves: (count: number) => `${count === 1 ? '1 agent loses' : `${count} agents lose`} access.`,
  closeForgets: 'You can no longer sign in.',
  closeYes: 'Close account',
  keepAccount: 'Keep my account',
  left,
}
