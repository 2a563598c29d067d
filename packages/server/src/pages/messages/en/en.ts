import type { ComponentChildren } from 'preact'
import { createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { enAccount } from './account.js'
import { enBlocks, enConsent } from './consent.js'
import { enProblems } from './problems.js'
import { enRecovery } from './recovery.js'
import { enSecondFactor } from './security.js'

/** The text of the pages, in English. */
export const en = {
  lang: 'en',
  dir: 'ltr' as 'ltr' | 'rtl',
  /** The language's name for itself. */
  languageName: 'English',

  ...createFormats('en-GB'),

  title: (page: string, serverName: string) => `${page} – ${serverName}`,
  /** Between a label and a value. */
  colon: ': ',
  /** Joins those of the sentences that there are. */
  sentences: createJoin(' '),
  errorTitle: (title: string) => `Error: ${title}`,
  theAgent: 'the agent',
  /** Puts the agent's words in the language's quotation marks. */
  quoted: (words: ComponentChildren) => phrase`“${words}”`,

  signIn: 'Sign in',
  signInHeading: (server: ComponentChildren) => phrase`Sign in to ${server}`,
  signInReason: (agent: ComponentChildren, resource: ComponentChildren) =>
    phrase`${agent} is asking for access to ${resource}.`,
  signInByLink: (agent: ComponentChildren, resource: ComponentChildren) =>
    phrase`The link that brought you here says that ${agent} is asking for access to ${resource}. We’ll check that after you sign in.`,
  signInByUnnamed: (resource: ComponentChildren) =>
    phrase`The link that brought you here says that an agent is asking for access to ${resource}. We’ll check that after you sign in.`,
  signInByUnnamedForAny:
    'The link that brought you here says that an agent is asking for access. We’ll check that after you sign in.',
  signInForAgent: (agent: ComponentChildren) => phrase`${agent} is asking to sign you in.`,
  signInNext: 'Sign in to see what it’s asking for. Nothing new is allowed until you say so.',
  userName: 'Username',
  password: 'Password',
  signInByMessage: (host: ComponentChildren) =>
    phrase`Did an email or a message bring you here? Then don’t sign in on this page: open ${host} yourself.`,
  passwordStays: (server: ComponentChildren, agent: ComponentChildren) =>
    phrase`Only ${server} sees your password, never ${agent}.`,
  signInProblems: {
    wrong_password: 'That username and password don’t work here. Check them and try again.',
    throttled:
      'Too many attempts. Try again later, or use a browser you’ve signed in with before. If it’s urgent, ask your administrator to unlock your account.',
    provider_failed: 'That sign-in didn’t work. Try again, or sign in another way.',
    provider_denied: 'That sign-in was canceled. Nothing changed.',
    provider_expired: 'That sign-in took too long. Try again.',
    provider_not_fresh:
      'You need to sign in again, and that service didn’t confirm that you did. Sign out there and try again, or sign in another way.',
    account_disabled: 'Your account here is turned off. Ask your administrator.',
    step_expired: 'That took too long. Sign in again.',
    passkey_failed: 'Signing in with that passkey didn’t work. Try again, or sign in another way.',
  },
  forgotPassword: 'Forgot your password?',
  askForPassword: (whom: ComponentChildren) => phrase`Ask ${whom} for a new one.`,
  administrator: 'your administrator',
  passwordProblems: {
    passkey_failed: 'That passkey didn’t work. Try again.',
    wrong_password: 'That password is incorrect. Try again.',
    wrong_code: 'That code is wrong or was already used. Wait for the next one, then try again.',
    throttled: 'Too many attempts. Wait a few minutes, then try again.',
  },
  showPassword: 'Show password',
  showPasswords: 'Show both passwords',
  signInToAccount: 'Sign in to see the agents you allowed.',
  signInAgain: {
    request:
      'It’s asking for something risky, such as deleting things or spending money. Sign in again before you decide.',
    login: 'It asks that you sign in again before you decide.',
    security: 'To continue, sign in again.',
  },
  otherWays: 'Other ways to sign in',
  signInWith: (provider: ComponentChildren) => phrase`Sign in with ${provider}`,
  signInWithPasskey: 'Sign in with a passkey',
  usePasskey: 'Use your passkey',
  lostPasskey: 'Lost your passkey?',
  askAboutPasskey: (whom: ComponentChildren) =>
    phrase`Ask ${whom} to remove it from your account. Until then, you can sign in another way to see and end your sessions.`,
  passkeyStopped: 'That didn’t work, and nothing changed. Try again.',
  noAccount: (link: ComponentChildren) => phrase`No account yet? ${link}`,

  signUp: 'Create an account',
  signUpHeading: (server: ComponentChildren) => phrase`Create an account at ${server}`,
  signUpReason: 'With an account, you decide what agents can do for you.',
  signUpNext: 'With an account, you can see what it’s asking for. Nothing is allowed until you say so.',
  email: 'Email address',
  optional: 'optional',
  userNameHint: 'Use letters, numbers, dots and hyphens.',
  emailHint: 'Agents can see it only if you allow them to.',
  newPassword: 'New password',
  passwordHint: (minimum: number) => `At least ${minimum} characters. Three or four random words work well.`,
  signUpProblems: {
    username_taken: 'This username is already taken. Choose another.',
    username_looks_alike: 'This username looks like someone else’s. Choose another.',
    username_mixed:
      'This username mixes similar-looking letters from two alphabets. Use only one alphabet in each word.',
    username_invalid:
      'This username is too long or has characters we can’t use. Use letters, numbers, dots and hyphens.',
    email_invalid: 'This doesn’t look like an email address. Check it, or leave it out.',
    password_too_short: 'This password is too short. Choose a longer one.',
    password_too_long: 'This password is too long. Choose a shorter one.',
    password_common: 'Many people use this password, so it’s easy to guess. Choose another.',
    throttled: 'Too many attempts from your network. Try again later.',
  },
  recovery: enRecovery,
  secondFactor: enSecondFactor,
  haveAccount: (link: ComponentChildren) => phrase`Already have an account? ${link}`,

  reauthenticate: 'Confirm it’s you',
  reauthenticateReason: 'Enter your password again to continue.',
  passkeyReason: 'Use your passkey to continue.',
  passkeyNeededHere: 'This browser can’t use passkeys. Open this page in one that can.',
  goOn: 'Continue',
  cancel: 'Cancel',

  signedInAs: (user: ComponentChildren) => phrase`Signed in as ${user}`,
  notYou: 'Not you?',

  ...enConsent,

  askContact: (contact: ComponentChildren) => phrase`If you need it, ask ${contact}.`,
  goBack: 'Go back',

  returnToApp: 'Go back to your app',
  appAllowed: (agent: ComponentChildren) => phrase`The request from ${agent} was allowed.`,
  appDenied: (agent: ComponentChildren) => phrase`The request from ${agent} was not allowed.`,
  appNext: 'Open your app to finish. You can close this page after that.',

  help: 'Help',
  report: 'Report this agent',
  privacy: 'Privacy',
  language: 'Language',

  problems: enProblems,
  blocks: enBlocks,
  account: enAccount,
  nowSignedInAs: (user: ComponentChildren) => phrase`You are now signed in as ${user}`,
  continueAs: (user: ComponentChildren) => phrase`Continue as ${user}`,
  switchAccount: 'Use another account',
  canRemove: 'If you didn’t want to allow it, remove its access.',
  tryAgain: 'Try again',
  reference: (id: ComponentChildren) => phrase`Reference: ${id}`,
}
