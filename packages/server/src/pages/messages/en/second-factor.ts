import type { ComponentChildren } from 'preact'
import { phrase } from '../parts/phrase.js'

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
