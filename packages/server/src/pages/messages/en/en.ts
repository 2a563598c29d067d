import type { Danger, Risk } from 'countersign/editions'
import type { ComponentChildren } from 'preact'
import { createDuration, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { enAccount } from './account.js'
import { enBlocks } from './blocks.js'
import { enProblems } from './problems.js'
import { enRecovery } from './recovery.js'
import { enSecondFactor } from './security.js'

const duration = createDuration('en')

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

/** The text of the pages, in English. */
export const en = {
  lang: 'en',
  dir: 'ltr' as 'ltr' | 'rtl',
  /** The language's name for itself. */
  languageName: 'English',

  ...createFormats('en-GB'),
  duration,

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
  passwordAddress: (host: ComponentChildren) => phrase`Type it only if ${host} is at the start of this page’s address.`,
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

  allowTitle: (agentHost: string) => `Allow ${agentHost}?`,
  allowQuestion: (agent: ComponentChildren, resource: ComponentChildren) =>
    phrase`Allow ${agent} to access ${resource} for you?`,
  allowSignIn: (agent: ComponentChildren) => phrase`Allow ${agent} to sign you in?`,
  allowOwn: (agent: ComponentChildren) => phrase`Allow ${agent} to sign you in, and to access its own service for you?`,
  whoAsks: 'Who is asking',
  callsItself: (name: ComponentChildren) => phrase`calls itself ${name}`,
  noName: 'This agent gives no name.',
  comesFrom: (agent: ComponentChildren) => phrase`This request really comes from ${agent}.`,
  publishedBy: (agent: ComponentChildren) =>
    phrase`Its details are published by ${agent}. Nothing proves that this request comes from there.`,
  registeredBy: {
    operator: 'The operator of this server registered it. Nothing proves that this request comes from it.',
    itself: 'It registered itself here, as any program can, so no one vouches for it or for its name.',
  },
  comesFromCopy: (agent: ComponentChildren, name: ComponentChildren) =>
    phrase`This request comes from a copy of ${agent}, such as an app or a server. ${agent} calls it ${name} and vouches for it.`,
  copyOf: (agent: ComponentChildren, name: ComponentChildren) => phrase`${agent} (copy ${name})`,
  /** For claims that have not been checked. */
  notChecked: {
    nothing: 'We haven’t checked who runs it.',
    name: 'We haven’t checked its name, or who runs it.',
    logo: 'We haven’t checked its logo, or who runs it.',
    nameAndLogo: 'We haven’t checked its name or logo, or who runs it.',
  },
  resourceCallsItself: (resource: ComponentChildren, name: ComponentChildren) =>
    phrase`${resource} calls itself ${name}. We haven’t checked that name.`,
  firstTime: 'This is the first time this agent has asked you.',
  requestedBefore: 'This agent has asked you before.',
  asked: (ago: ComponentChildren) => phrase`Asked ${ago}.`,
  code: (code: ComponentChildren) => phrase`If you were shown a code, it must be ${code}.`,
  allowedBefore: (day: ComponentChildren) => phrase`You allowed this agent on ${day}.`,
  allowedOtherCopy: (day: ComponentChildren) => phrase`You allowed this agent on ${day}, but not this copy of it.`,
  allowedOnlyCopy: (day: ComponentChildren) =>
    phrase`You allowed a copy of this agent on ${day}, but not the agent itself.`,
  asksForMore: 'It’s now asking for more.',
  changed: 'Something about this agent has changed since you last allowed it:',
  changedForOthers: 'Something about this agent has changed since someone else last allowed it:',
  changes: {
    keys: 'It uses a new key.',
    redirect_host: 'It now sends you to a different address.',
    name: 'It has a new name.',
    unnamed: 'It no longer gives a name.',
  },
  before: (value: ComponentChildren) => phrase`Before: ${value}`,
  saysNothing: (agent: ComponentChildren) => phrase`${agent} gives no name and has no website, so be extra careful.`,
  lookAlike: (agent: ComponentChildren) =>
    phrase`Look closely: ${agent} stands for an address with letters from outside a–z. Letters like these can imitate an address you know.`,
  claims: {
    brand: (brand: ComponentChildren, agent: ComponentChildren) =>
      phrase`“${brand}” is a name that people trust, but ${agent} isn’t one of its addresses that we know.`,
    address: (address: ComponentChildren, agent: ComponentChildren) =>
      phrase`Its name looks like the address ${address}, but the request comes from ${agent}.`,
    imitation:
      'Its name could be taken for a message from us. It isn’t one: the agent chose it, and we haven’t checked it.',
  },

  details: 'Details',
  detailsAndNot: 'Details, and what it can’t do',
  detailAgent: 'Agent',
  detailDelegate: 'Copy of the agent (device or instance)',
  detailKey: 'Key fingerprint',
  detailResource: 'Where it gets access',
  detailPermissions: 'Technical names of what it will be able to do',
  detailCall: '“Just this once” allows exactly',
  detailRedirect: 'Where you go next',
  agentLinks: 'The agent’s own pages. We haven’t checked them. They open in a new tab.',
  homepage: 'Home page',
  policy: 'Privacy policy',
  terms: 'Terms of use',

  able: 'It will be able to',
  ableNothing: (resource: ComponentChildren) => phrase`${resource} gives no list.`,
  noDescription: (resource: ComponentChildren) => phrase`${resource} gives no description`,
  risks,
  identity: {
    openid: 'Recognize you when you come back',
    profile: 'See your name and username',
    email: 'See your email address',
  },
  noValue: 'you haven’t given one',
  withheld: 'asked for, but we won’t pass it on',
  isNew: 'New',
  kept: 'It can still:',
  leftOut: 'You removed this a short time ago, so it stays removed:',
  notAble: 'It will not be able to',
  notSeePassword: 'See your password',
  notGetPassword: 'Get your password from us',
  notRequested: 'not asked for',
  notElsewhere: 'Access your other services',
  alreadyElsewhere: (services: ComponentChildren, myAgents: ComponentChildren) =>
    phrase`It can already access ${services} (see ${myAgents}).`,
  alreadySignsIn: (myAgents: ComponentChildren) => phrase`It can already sign you in (see ${myAgents}).`,
  moreServices: (count: number) => `${count} more`,
  howLong: 'For how long',
  untilRemoved: 'Until I remove it',
  once: 'Just this once',
  onceAllows: (call: ComponentChildren, seconds: number) =>
    phrase`“Just this once” allows only ${call}, one time, within ${duration(seconds)}.`,
  onceSends: 'What it sends with this can’t change either, but we can’t see it.',
  askedAgain: 'The next time you connect this agent, we’ll ask you again.',
  whileAway: 'It can use this while you’re away.',
  removeIn: (myAgents: ComponentChildren) => phrase`You can remove it any time in ${myAgents}.`,
  worksOn: (seconds: number) => `After that it may still work for up to ${duration(seconds)}.`,
  myAgents: 'My agents',

  loopback: (port: ComponentChildren) =>
    phrase`Your answer goes to an app on this device (port ${port}). Continue only if you just started it yourself.`,
  bearer: 'This access isn’t tied to one program: anyone who copies it can use it until it ends.',
  anyProgram: (port: ComponentChildren) =>
    phrase`A program on the computer before you will get this (port ${port}). Allow it only if you started it there just now. If someone asks you to copy an address from this browser, don’t: it contains the access.`,
  elsewhere: (redirect: ComponentChildren, agent: ComponentChildren) =>
    phrase`Your answer goes to ${redirect}, which is a different address from ${agent}. Continue only if you expected this.`,
  toldToOpen: (deny: ComponentChildren) =>
    phrase`Did you just ask this agent for something? If a person, a message or a phone call told you to open this page, choose ${deny}.`,
  dangerous: (agent: ComponentChildren, what: ComponentChildren) =>
    phrase`With this, ${agent} could ${what}. Allow this only if you know why it needs it.`,
  dangers,
  passkeyAgain: 'To allow this, confirm with your passkey.',
  passkeyNeeded: 'This browser can’t use passkeys. Open the request in one that can.',
  passwordAgain: 'To allow this, enter your password again.',
  deny: 'Don’t allow',
  allow: 'Allow',
  goBackTo: (redirect: ComponentChildren) => phrase`You’ll go back to ${redirect}`,
  goOnTo: (redirect: ComponentChildren) => phrase`You’ll go on to ${redirect}`,
  endsAt: (time: ComponentChildren) => phrase`This request ends at ${time}.`,
  endsSoon: (time: ComponentChildren) => phrase`This request ends soon, at ${time}. You can ask for more time.`,
  extend: 'Give me more time',

  forbids: 'Your administrator doesn’t allow this.',
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
