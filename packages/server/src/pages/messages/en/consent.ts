import type { Danger, Risk } from 'countersign/editions'
import type { ComponentChildren } from 'preact'
import { createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

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

/** The text of the consent page, in English. */
export const enConsent = {
  duration,

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
}

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in English. */
export const enBlocks = {
  comesFromAgent: (id: ComponentChildren, provider: ComponentChildren) =>
    phrase`This request comes from ${id}, and ${provider} vouches for it.`,
  detailAgentId: 'Full name of the agent',
  allowedOther: (day: ComponentChildren, provider: ComponentChildren) =>
    phrase`You allowed another agent of ${provider} on ${day}, but not this one.`,
  enrolment: 'This agent is new here',
  enrols: (id: ComponentChildren) =>
    phrase`If you allow this, ${id} acts for you from now on, and for no one else, until you remove it in My agents.`,
  agentSays: (id: ComponentChildren) => phrase`What ${id} says`,
  agentSaysUnchecked: 'The agent wrote this. We haven’t checked it.',
  platform: 'Runs on',
  platforms: {
    web: 'a website',
    mobile: 'a phone or tablet',
    desktop: 'a computer',
    workload: 'a server',
    'self-hosted': 'its user’s own server',
  },
  device: 'Calls its device',
  resourceSays: (resource: ComponentChildren) => phrase`What ${resource} says`,
  account: 'Your account there',
  resourceUnreachable: (resource: ComponentChildren) =>
    phrase`We couldn’t read what ${resource} publishes about itself, so all we know is its address.`,
  needs: {
    identity: (resource: ComponentChildren) =>
      phrase`It says that an agent that acts for you needs no other permission: ${resource} decides what the agent may do.`,
    permission: (resource: ComponentChildren) =>
      phrase`It says that an agent also needs your permission for what it does there, so you may be asked again for ${resource}.`,
  },
  actAs: 'Act as you there, as far as that service lets it without asking you again',
  sameCode: 'Allow, same code',
  compareCode: (deny: ComponentChildren) =>
    phrase`The program that asked shows a code. If it isn’t this one, choose ${deny}.`,
  enterCode: 'Enter the code',
  enterCodeReason: 'The program that asks you for access shows a code with twelve letters and numbers.',
  codeLabel: 'Code',
  wrongCode:
    'That code doesn’t work. Check it, or start again from the program that showed it. A few wrong codes end the request.',
}
