import type { ComponentChildren } from 'preact'
import { createNotice, type EmailText, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'If this was you, you don’t need to do anything.',
  action: 'Review your security settings',
  otherwise:
    'If it wasn’t you, someone else may have access to your account: change your password, and sign out everywhere. If you can’t sign in, choose “Forgot your password?” on the sign-in page.',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'Review your agents',
  otherwise:
    'If it wasn’t you, someone else may have access to your account: remove the agent, change your password, and sign out everywhere.',
  optOut: 'You can turn these emails off on the “Account” page.',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: 'You don’t need to do anything. If you no longer use this agent, remove it.',
})

/** The text of the emails to users, in English. */
const emails: Record<
  | 'reset'
  | 'confirm'
  | 'password_changed'
  | 'passkey_added'
  | 'passkey_removed'
  | 'factor_added'
  | 'factor_removed'
  | 'device_connected'
  | 'identity_linked'
  | 'identity_unlinked'
  | 'new_device'
  | 'agent_allowed'
  | 'agent_blocked'
  | 'email_changed',
  EmailText
> = {
  reset: {
    subject: (server) => `Your new password for ${server}`,
    before: (server, user) => [
      `You asked for a new password for your account ${user} at ${server}.`,
      'To choose one, open this link within 20 minutes. It works once.',
    ],
    action: 'Choose a new password',
    after: ['If you didn’t ask for this, do nothing: your password stays the same. Don’t give this link to anyone.'],
  },
  confirm: {
    subject: (server) => `Confirm your email address for ${server}`,
    before: (server) => [
      `Your email address was entered for an account at ${server}.`,
      'If that was you, open this link within a day to confirm it. We then send links there if you forget your password.',
    ],
    action: 'Confirm this address',
    after: ['If it wasn’t you, do nothing: the address stays unconfirmed.'],
  },
  password_changed: notice(
    'Your password was changed',
    (server, user) => `The password of your account ${user} at ${server} was changed.`,
  ),
  passkey_added: notice(
    'A passkey was added',
    (server, user) => `A passkey was added to your account ${user} at ${server}.`,
  ),
  passkey_removed: notice(
    'A passkey was removed',
    (server, user) => `A passkey was removed from your account ${user} at ${server}.`,
  ),
  email_changed: {
    ...notice(
      'Your email address was changed',
      (server, user) =>
        `The email address of your account ${user} at ${server} was changed. We won’t send emails to this one anymore.`,
    ),
    after: [
      'If it wasn’t you, someone else may have access to your account: sign in, change your password and your email address, and sign out everywhere.',
    ],
  },
  factor_added: notice(
    'Two-step sign-in was set up',
    (server, user) => `Two-step sign-in with an authenticator app was set up for your account ${user} at ${server}.`,
  ),
  factor_removed: notice(
    'Two-step sign-in was turned off',
    (server, user) => `Two-step sign-in was turned off for your account ${user} at ${server}.`,
  ),
  device_connected: {
    ...notice(
      'A device was connected',
      (server, user) =>
        `A device was connected to your account ${user} at ${server}. It asks you before it gets access to anything.`,
    ),
    action: 'Review your devices',
    after: [
      'If it wasn’t you, disconnect the device under “My agents”, because a new password does not disconnect it. Then change your password, and sign out everywhere.',
    ],
  },
  identity_linked: notice(
    'A sign-in provider was linked',
    (server, user) =>
      `An account at another provider was linked to your account ${user} at ${server}, and can be used to sign in.`,
  ),
  identity_unlinked: notice(
    'A sign-in provider was removed',
    (server, user) => `A provider with which you could sign in was removed from your account ${user} at ${server}.`,
  ),
  agent_allowed: agentNotice(
    'A new agent was allowed',
    (server, user, about) =>
      `The agent ${about.agent} was given access to ${about.resource} with your account ${user} at ${server}.`,
  ),
  agent_blocked: blockNotice(
    'An agent was blocked',
    (server, user, about) =>
      `An administrator of ${server} blocked the agent ${about.agent}. It can’t get new access with your account ${user}.`,
  ),
  new_device: notice(
    'New sign-in',
    (server, user) =>
      `Someone signed in to your account ${user} at ${server} in a browser that we haven’t seen before.`,
  ),
}

/** The text of the pages for a forgotten password and for confirming an email address, in English. */
export const enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'Choose a password',
      lead: (user: ComponentChildren, server: ComponentChildren) =>
        phrase`Your username at ${server} is ${user}. Sign in with it and this password from now on.`,
    },
    reset: {
      heading: 'Choose a new password',
      lead: (user: ComponentChildren, server: ComponentChildren) =>
        phrase`This is for the account ${user} at ${server}. You’ll be signed out everywhere.`,
    },
  },
  setPassword: 'Set password',
  passkeyInstead: 'Or use a passkey instead',
  forgotHeading: 'Forgot your password?',
  forgotLead:
    'Enter your username. If its email address is confirmed, we’ll send a link there to choose a new password.',
  sendLink: 'Send link',
  forgotThrottled: 'Too many attempts from your network. Try again later.',
  checkEmail: 'Check your email',
  linkSent:
    'If there is an account with this username and a confirmed email address, we’ve sent a link there. It works for 20 minutes.',
  noLink: (whom: ComponentChildren) =>
    phrase`If no email arrives within a few minutes, look in your spam folder, or ask ${whom} for a new password.`,
  confirmEmail: {
    heading: 'Confirm your email address',
    lead: (email: ComponentChildren, server: ComponentChildren) =>
      phrase`Is ${email} your address for your account at ${server}? Confirm it only if you entered it there.`,
    action: 'Confirm this address',
  },
  emails,
}
