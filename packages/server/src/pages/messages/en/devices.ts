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

  connect: 'Connect this computer',
  question: 'Did you start this on this computer just now?',
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
    phrase`A device that calls itself ${device} sent the code, to act for ${account}. Does your terminal show this number?`,
  same: 'Yes, the same number',
  codeEnded: 'The code no longer works. Get another one if you still need it.',
}
