import type { ComponentChildren } from 'preact'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about a user's devices, in English. */
export const enDevices = {
  heading: 'My devices',
  lead: 'These devices act for you with their own key. If you disconnect one, all its access ends at once. For up to an hour, it can still say who it is.',
  connectedOn: (moment: ComponentChildren) => phrase`Connected on ${moment}.`,
  lastUsedOn: (moment: ComponentChildren) => phrase`Last used on ${moment}.`,
  lastUsedFrom: (moment: ComponentChildren, address: ComponentChildren) =>
    phrase`Last used on ${moment} from ${address}.`,
  endsOn: (moment: ComponentChildren) => phrase`It was connected with a code, and ends by itself on ${moment}.`,
  stays: 'It stays until you disconnect it.',
  disconnect: 'Disconnect',
  noAccess: 'No agent has access to anything. Your devices ask you before they get any.',

  connect: 'Connect this computer',
  signIn: 'Sign in to connect a device to your account.',
  question: 'Did you start this on this computer just now?',
  questionElsewhere: 'Did you start this on that device just now?',
  answersTo: (device: ComponentChildren, port: ComponentChildren) =>
    phrase`Your answer goes to your device ${device} through this computer (port ${port}). If the next page doesn’t load, copy its address into the terminal of that device, and nowhere else.`,
  comesFrom: (name: ComponentChildren) =>
    phrase`This request comes from your device ${name}, which you connected to this account.`,
  asks: (device: ComponentChildren) =>
    phrase`A program that calls this computer ${device} wants to act for you from now on. It still has to ask you before it gets access to anything.`,
  asked: 'What is being connected',
  account: 'Account',
  device: 'Device',
  network: 'Network',
  time: 'Time',
  unchecked: 'The program chose the name of the device. We haven’t checked it.',
  notYou: 'If a message, a website or someone else led you here, choose No.',
  no: 'No',
  yes: 'Yes, connect it',
  tooMany: 'You have as many devices as this server allows. Disconnect one under My agents first.',

  goBack: 'Return to the terminal',
  connected: 'This computer is being connected. You can close this page and return to the terminal.',
  denied: 'Nothing was connected. You can close this page.',

  codeHeading: 'Connect a device with a code',
  codeLead:
    'For a computer without a browser, such as one you reach over ssh. It works for a day, and can’t delete, spend or take full control.',
  codeWarning:
    'Type the code only into your own terminal. Never share it, and never type it where someone else tells you to: anyone who has it can act for you.',
  getCode: 'Get a code',
  typeCode: (moment: ComponentChildren) =>
    phrase`Type this code into the terminal that asked for it. It works once, until ${moment}.`,
  typed: 'I’ve typed it',
  notTyped: 'No device has sent this code yet. Type it into the terminal, then continue here.',
  compare: (device: ComponentChildren, account: ComponentChildren) =>
    phrase`A device that calls itself ${device} sent the code, to act for ${account}. Did you type the code into it yourself, and does it show this number?`,
  claimedWarning: 'Did you tell the code to anyone, even to support? Then choose No, and they get no access.',
  same: 'Yes, I typed it; same number',
  confirmed: (device: ComponentChildren) =>
    phrase`Your device ${device} is being connected. You can close this page and return to the terminal.`,
  afterConfirmed:
    'It has no access yet: it asks you whenever it needs something new. After a day, it ends by itself. Until then, you can disconnect it here.',
  codeEnded: 'The code no longer works. Get another one if you still need it.',
}

/** The text of the pages about the second factor, in English. */
export const enSecondFactor = {
  name: 'Two-step sign-in',
  lead: 'After your password, you also enter a code from an app on your phone. Someone who finds out your password still can’t sign in.',
  since: (day: ComponentChildren) => phrase`On since ${day}.`,
  codesLeft: (count: number) =>
    count === 1 ? '1 recovery code is left.' : `${count === 0 ? 'No' : count} recovery codes are left.`,
  setUp: 'Set up two-step sign-in',
  replace: 'Use another app or phone',
  newCodes: 'Get new recovery codes',
  newCodesEffect: 'Your old recovery codes stop working.',
  turnOff: 'Turn off two-step sign-in',
  turnOffQuestion: 'Turn off two-step sign-in?',
  turnOffEffect: 'Your password will then be enough to sign in. Your recovery codes stop working.',
  keep: 'Keep it on',

  required: (server: ComponentChildren) => phrase`${server} asks everyone to set this up before they continue.`,
  replaceEffect: 'Once you’ve entered a code from the new app, codes from the old one stop working.',
  scan: 'Open an authenticator app on your phone, and scan this picture with it.',
  qrCode: 'QR code with the key below',
  typeKey: (key: ComponentChildren) => phrase`If you can’t scan it, enter this key in the app: ${key}`,
  openApp: 'Open it in an app on this device',
  enterShown: 'Enter the code that the app shows.',
  code: 'Code',
  turnOn: 'Turn on',

  codesHeading: 'Save your recovery codes',
  codesLead:
    'If you lose your phone, you can sign in with one of these codes instead. Each works once. Keep them where others can’t find them, such as in a password manager or printed in a drawer: we can’t show them again.',
  codesSaved: 'I’ve saved them',

  stepHeading: 'Enter a code',
  stepLead: (server: ComponentChildren) =>
    phrase`Open your authenticator app, and enter the code it shows for ${server}. You can also enter a recovery code.`,
  stepPasskey: 'To sign in to your account, you also need your passkey.',
  lost: 'Lost your phone and your recovery codes?',
  askToReset: (whom: ComponentChildren) => phrase`Ask ${whom} to turn off two-step sign-in for your account.`,
  proveToContinue: 'Enter your password and a code again to continue.',
  proveToAllow: 'To allow this, enter your password and a code again.',
  setUpToAllow:
    'Before you can allow this, you need to set up two-step sign-in. We’ll take you there, and then back here.',
}
