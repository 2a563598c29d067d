import type { Child } from 'hono/jsx'
import type { Danger, Risk } from '../models.js'
import { enAccount } from './en-account.js'
import { enDates } from './en-dates.js'
import { enDuration } from './en-duration.js'
import { enProblems } from './en-problems.js'
import { phrase } from './phrase.js'

const risks: Record<Risk, string> = {
  read: 'Read',
  change: 'Change',
  delete: 'Delete',
  spend: 'Spend',
  control: 'Full control',
}

const dangers: Record<Danger, string> = {
  delete: 'delete things',
  spend: 'spend your money',
  control: 'take full control',
}

/** The pages in English. */
export const en = {
  lang: 'en',
  dir: 'ltr' as 'ltr' | 'rtl',
  /** The language, in itself. */
  languageName: 'English',

  ...enDates('en-GB'),
  duration: enDuration,

  title: (page: string, serverName: string) => `${page} – ${serverName}`,
  errorTitle: (title: string) => `Error: ${title}`,
  theAgent: 'the agent',
  /** What the agent says, in the quotation marks of the language. */
  quoted: (words: Child) => phrase`“${words}”`,

  signIn: 'Sign in',
  signInHeading: (server: Child) => phrase`Sign in to ${server}`,
  signInReason: (agent: Child, resource: Child) => phrase`${agent} asks to act for you at ${resource}.`,
  signInForAgent: (agent: Child) => phrase`${agent} asks to sign you in.`,
  signInNext: 'Sign in to see what it asks for. Nothing is allowed until you say so.',
  userName: 'User name',
  password: 'Password',
  passwordStays: (server: Child, agent: Child) => phrase`Only ${server} sees your password, never ${agent}.`,
  signInProblems: {
    wrong_password: 'The user name or the password is not right. Please try again.',
    throttled: 'Too many attempts. Wait a few minutes, then try again.',
    provider_failed: 'Signing in there did not work. Please try again, or use your password here.',
    provider_denied: 'You stopped signing in there. Nothing was changed.',
    provider_expired: 'Signing in there took too long. Please try again.',
    provider_not_fresh:
      'We were not told that you signed in there just now. Sign out there and try again, or sign in another way.',
    account_disabled: 'Your account here is turned off. Please ask your administrator.',
    passkey_failed: 'Signing in with the passkey did not work. Please try again, or use your password.',
  },
  forgotPassword: 'Forgot your password?',
  askForPassword: (whom: Child) => phrase`Ask ${whom} for a new one.`,
  administrator: 'your administrator',
  passwordProblems: {
    wrong_password: 'The password is not right. Please try again.',
    throttled: 'Too many attempts. Wait a few minutes, then try again.',
  },
  showPassword: 'Show password',
  showPasswords: 'Show both passwords',
  signInToAccount: 'Sign in to see the agents that may act for you.',
  signInAgain: {
    request: 'It can delete or spend, so please sign in again before you decide.',
    security: 'Before you change how your account is kept safe, please sign in again.',
  },
  otherWays: 'Other ways to sign in',
  signInWith: (provider: Child) => phrase`Sign in with ${provider}`,
  signInWithPasskey: 'Sign in with a passkey',
  usePasskey: 'Use a passkey instead',
  passkeyStopped: 'That did not work. Nothing was changed. Please try again.',
  noAccount: (link: Child) => phrase`No account yet? ${link}`,

  signUp: 'Create an account',
  signUpHeading: (server: Child) => phrase`Create an account at ${server}`,
  signUpReason: 'With an account you decide which agents may act for you.',
  signUpNext: 'With an account you see what it asks for. Nothing is allowed until you say so.',
  email: 'E-mail address',
  optional: 'optional',
  userNameHint: 'Letters, numbers, dots and dashes.',
  emailHint: 'Agents see it only if you allow that.',
  newPassword: 'New password',
  passwordHint: (minimum: number) => `At least ${minimum} characters. A few words in a row make a good one.`,
  signUpProblems: {
    username_taken: 'This user name belongs to somebody else. Please choose another.',
    username_invalid: 'This user name has signs we cannot use. Use letters, numbers, dots and dashes.',
    email_invalid: 'This does not look like an e-mail address. Check it, or leave it out.',
    password_too_short: 'This password is too short. Please choose a longer one.',
    password_too_long: 'This password is too long. Please choose a shorter one.',
    password_common: 'Many people use this password, so it is easy to guess. Please choose another.',
    throttled: 'Too many attempts. Wait a few minutes, then try again.',
  },
  haveAccount: (link: Child) => phrase`Already have an account? ${link}`,

  reauthenticate: 'Is it still you?',
  reauthenticateReason: 'Before you change how your account is kept safe, please type your password again.',
  goOn: 'Go on',
  cancel: 'Cancel',

  signedInAs: (user: Child) => phrase`Signed in as ${user}`,
  notYou: 'Not you?',

  allowTitle: (agentHost: string) => `Allow ${agentHost}?`,
  allowQuestion: (agent: Child, resource: Child) => phrase`Allow ${agent} to act for you at ${resource}?`,
  allowSignIn: (agent: Child) => phrase`Allow ${agent} to sign you in?`,
  whoAsks: 'Who asks',
  callsItself: (name: Child) => phrase`calls itself ${name}`,
  noName: 'This agent does not say what it is called.',
  verified: 'Verified',
  signedBy: (agent: Child) => phrase`this request was signed by ${agent}.`,
  nameNotChecked: 'We did not check the name.',
  nameAndLogoNotChecked: 'We did not check the name or the logo.',
  logoNotChecked: 'We did not check the logo.',
  firstTime: 'First time you see this agent here.',
  seenBefore: 'You have seen this agent here before.',
  allowedBefore: (day: Child) => phrase`You allowed this agent on ${day}.`,
  asksForMore: 'Now it asks for more.',
  changed: 'Something about this agent has changed since you last allowed it:',
  changedForOthers: 'Something about this agent has changed since someone else last allowed it:',
  changes: {
    keys: 'It uses a new key.',
    redirect_host: 'It now sends you to a different address.',
    name: 'It has a new name.',
    unnamed: 'It no longer gives a name.',
  },
  before: (value: Child) => phrase`Before: ${value}`,
  saysNothing: (agent: Child) => phrase`${agent} says nothing about itself, so there is less here to go by.`,
  lookAlike: (agent: Child) =>
    phrase`Look closely: ${agent} is written with letters that can look like others. Somebody may use them to copy a name you know.`,

  details: 'Details',
  detailAgent: 'Agent',
  detailDelegate: 'Delegate',
  detailKey: 'Fingerprint of its key',
  detailResource: 'Where it will act',
  detailRedirect: 'Where you go next',
  agentLinks: 'Pages of the agent, which we did not check. They open in a new tab.',
  homepage: 'Home page',
  policy: 'Privacy policy',
  terms: 'Terms of use',

  able: 'It will be able to',
  ableNothing: (resource: Child) => phrase`${resource} names nothing in particular.`,
  noDescription: (resource: Child) => phrase`${resource} gives no description`,
  risks,
  identity: {
    openid: 'Know you again when you come back',
    profile: 'See your name and your user name',
    email: 'See your e-mail address',
  },
  isNew: 'New',
  kept: 'What you allowed before stays allowed:',
  notAble: 'It will not be able to',
  notSignIn: 'See your password or sign in as you',
  notAsked: (resource: Child) => phrase`offered by ${resource}, not asked for`,
  moreNotAsked: (count: number) => `${count} more it did not ask for`,
  notElsewhere: (resource: Child) => phrase`Use anything outside ${resource}`,
  howLong: 'For how long',
  onlyThisTask: (seconds: number) => `Only this task – ${enDuration(seconds)}`,
  untilRemoved: 'Until I remove it',
  whileAway: 'It may act while you are away.',
  stopIn: (myAgents: Child) => phrase`You can stop it at any time in ${myAgents};`,
  myAgents: 'My agents',
  heldRunsOut: (seconds: number) => `what it already holds runs out within ${enDuration(seconds)}.`,
  runsOut: (seconds: number) => `What you allow here runs out within ${enDuration(seconds)}.`,

  loopback: (redirect: Child) =>
    phrase`Go on only if you started this yourself. Your answer goes to a program on this device, at ${redirect}.`,
  elsewhere: (redirect: Child, agent: Child) =>
    phrase`Your answer goes to ${redirect}, which is not part of ${agent}. Go on only if you expect that.`,
  dangerous: (agent: Child, what: Child) =>
    phrase`With this, ${agent} could ${what}. Allow this only if you know why it needs it.`,
  dangers,
  passwordAgain: 'To allow this, type your password again.',
  deny: 'Don’t allow',
  allow: 'Allow',
  goBackTo: (redirect: Child) => phrase`You will go back to ${redirect}`,
  goOnTo: (redirect: Child) => phrase`You will go on to ${redirect}`,
  endsAt: (time: Child) => phrase`This request ends at ${time}.`,
  endsSoon: (time: Child) => phrase`This request ends soon, at ${time}. You can keep it open longer.`,
  extend: 'Keep it open longer',

  forbids: (agent: Child, resource: Child) =>
    phrase`${agent} asks to act for you at ${resource}. The people who run this server do not allow that.`,
  askContact: (contact: Child) => phrase`If you need it, ask ${contact}.`,
  goBack: 'Go back',

  returnToApp: 'Go back to your app',
  appAllowed: (agent: Child) => phrase`You allowed ${agent}.`,
  appDenied: (agent: Child) => phrase`You did not allow ${agent}.`,
  appNext: 'The app on this device is waiting for your answer. You can close this page after that.',

  help: 'Help',
  report: 'Report this agent',
  privacy: 'Privacy',
  language: 'Language',

  problems: enProblems,
  account: enAccount,
  nowSignedInAs: (user: Child) => phrase`You are now signed in as ${user}`,
  continueAs: (user: Child) => phrase`Continue as ${user}`,
  switchAccount: 'Use another account',
  canRemove: 'If you did not want to allow it, remove its access.',
  tryAgain: 'Try again',
  reference: (id: Child) => phrase`Reference: ${id}`,
}
