import type { en } from '../en/en.js'
import { createCounted, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { deAccount } from './account.js'
import { deBlocks, deConsent } from './consent.js'
import { deProblems } from './problems.js'
import { deRecovery } from './recovery.js'
import { deSecondFactor } from './security.js'

const counted = createCounted('de')

/** The text of the pages, in German. */
export const de: typeof en = {
  lang: 'de',
  dir: 'ltr',
  languageName: 'Deutsch',

  ...createFormats('de'),

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: ': ',
  sentences: createJoin(' '),
  errorTitle: (title) => `Fehler: ${title}`,
  theAgent: 'dem Agenten',
  quoted: (words) => phrase`„${words}“`,

  signIn: 'Anmelden',
  signInHeading: (server) => phrase`Bei ${server} anmelden`,
  signInReason: (agent, resource) => phrase`${agent} bittet um Zugriff auf ${resource}.`,
  signInByLink: (agent, resource) =>
    phrase`Laut dem Link, über den Sie hierhergekommen sind, bittet ${agent} um Zugriff auf ${resource}. Das prüfen wir nach Ihrer Anmeldung.`,
  signInByUnnamed: (resource) =>
    phrase`Laut dem Link, über den Sie hierhergekommen sind, bittet ein Agent um Zugriff auf ${resource}. Das prüfen wir nach Ihrer Anmeldung.`,
  signInByUnnamedForAny:
    'Laut dem Link, über den Sie hierhergekommen sind, bittet ein Agent um Zugriff. Das prüfen wir nach Ihrer Anmeldung.',
  signInForAgent: (agent) => phrase`${agent} möchte Sie mit Ihrem Konto hier anmelden.`,
  signInNext: 'Melden Sie sich an, um zu sehen, worum es geht. Nichts Neues wird erlaubt, bevor Sie zustimmen.',
  userName: 'Benutzername',
  password: 'Passwort',
  signInByMessage: (host) =>
    phrase`Hat Sie eine E-Mail oder Nachricht hierhergeführt? Dann melden Sie sich nicht auf dieser Seite an: Öffnen Sie ${host} selbst.`,
  passwordStays: (server, agent) => phrase`Nur ${server} sieht Ihr Passwort, niemals ${agent}.`,
  signInProblems: {
    wrong_password:
      'Mit diesem Benutzernamen und Passwort können Sie sich hier nicht anmelden. Prüfen Sie beides und versuchen Sie es erneut.',
    throttled:
      'Zu viele Versuche. Versuchen Sie es später erneut oder verwenden Sie einen Browser, in dem Sie sich schon einmal angemeldet haben. Wenn es eilt, bitten Sie Ihre Administration, Ihr Konto zu entsperren.',
    provider_failed: 'Diese Anmeldung hat nicht funktioniert. Versuchen Sie es erneut oder melden Sie sich anders an.',
    provider_denied: 'Diese Anmeldung wurde abgebrochen. Es hat sich nichts geändert.',
    provider_expired: 'Diese Anmeldung hat zu lange gedauert. Versuchen Sie es erneut.',
    provider_not_fresh:
      'Sie müssen sich erneut anmelden, aber der andere Dienst hat nicht bestätigt, dass Sie das getan haben. Melden Sie sich dort ab und versuchen Sie es erneut, oder melden Sie sich anders an.',
    step_expired: 'Das hat zu lange gedauert. Melden Sie sich erneut an.',
    account_disabled: 'Ihr Konto ist hier deaktiviert. Wenden Sie sich an Ihre Administration.',
    passkey_failed:
      'Die Anmeldung mit diesem Passkey hat nicht funktioniert. Versuchen Sie es erneut oder melden Sie sich anders an.',
  },
  forgotPassword: 'Passwort vergessen?',
  askForPassword: (whom) => phrase`Bitten Sie ${whom} um ein neues.`,
  administrator: 'Ihre Administration',
  passwordProblems: {
    passkey_failed: 'Dieser Passkey hat nicht funktioniert. Versuchen Sie es erneut.',
    wrong_password: 'Dieses Passwort ist falsch. Versuchen Sie es erneut.',
    wrong_code:
      'Dieser Code ist falsch oder wurde schon verwendet. Warten Sie auf den nächsten und versuchen Sie es dann erneut.',
    throttled: 'Zu viele Versuche. Warten Sie einige Minuten und versuchen Sie es dann erneut.',
  },
  showPassword: 'Passwort anzeigen',
  showPasswords: 'Beide Passwörter anzeigen',
  signInToAccount: 'Melden Sie sich an, um zu sehen, welchen Agenten Sie Zugriff erlaubt haben.',
  signInAgain: {
    request:
      'Es geht um etwas Riskantes, zum Beispiel Daten zu löschen oder Geld auszugeben. Melden Sie sich erneut an, bevor Sie entscheiden.',
    login: 'Der Agent bittet Sie, sich erneut anzumelden, bevor Sie entscheiden.',
    security: 'Melden Sie sich erneut an, um fortzufahren.',
  },
  otherWays: 'Andere Anmeldemöglichkeiten',
  signInWith: (provider) => phrase`Mit ${provider} anmelden`,
  signInWithPasskey: 'Mit Passkey anmelden',
  usePasskey: 'Passkey verwenden',
  lostPasskey: 'Passkey verloren?',
  askAboutPasskey: (whom) =>
    phrase`Bitten Sie ${whom}, ihn aus Ihrem Konto zu entfernen. Bis dahin können Sie sich anders anmelden, um Ihre Sitzungen zu sehen und zu beenden.`,
  passkeyStopped: 'Das hat nicht funktioniert. Es hat sich nichts geändert. Versuchen Sie es erneut.',
  noAccount: (link) => phrase`Noch kein Konto? ${link}`,

  signUp: 'Konto erstellen',
  signUpHeading: (server) => phrase`Konto bei ${server} erstellen`,
  signUpReason: 'Mit einem Konto entscheiden Sie, was Agenten für Sie tun können.',
  signUpNext: 'Mit einem Konto können Sie sehen, worum es geht. Nichts wird erlaubt, bevor Sie zustimmen.',
  email: 'E-Mail-Adresse',
  optional: 'optional',
  userNameHint: 'Verwenden Sie Buchstaben, Ziffern, Punkte und Bindestriche.',
  emailHint: 'Agenten können sie nur sehen, wenn Sie das erlauben.',
  newPassword: 'Neues Passwort',
  passwordHint: (minimum) =>
    `Mindestens ${counted(minimum, { one: '# Zeichen', other: '# Zeichen' })}. Gut geeignet sind drei oder vier zufällige Wörter.`,
  signUpProblems: {
    username_taken: 'Dieser Benutzername ist bereits vergeben. Wählen Sie einen anderen.',
    username_looks_alike: 'Dieser Benutzername sieht dem einer anderen Person ähnlich. Wählen Sie einen anderen.',
    username_mixed:
      'Dieser Benutzername mischt ähnlich aussehende Buchstaben aus zwei Alphabeten. Verwenden Sie in jedem Wort nur ein Alphabet.',
    username_invalid:
      'Dieser Benutzername ist zu lang oder enthält Zeichen, die hier nicht möglich sind. Verwenden Sie Buchstaben, Ziffern, Punkte und Bindestriche.',
    email_invalid: 'Das sieht nicht wie eine E-Mail-Adresse aus. Prüfen Sie die Eingabe oder lassen Sie das Feld leer.',
    password_too_short: 'Dieses Passwort ist zu kurz. Wählen Sie ein längeres.',
    password_too_long: 'Dieses Passwort ist zu lang. Wählen Sie ein kürzeres.',
    password_common: 'Viele Menschen verwenden dieses Passwort, es ist also leicht zu erraten. Wählen Sie ein anderes.',
    throttled: 'Zu viele Versuche aus Ihrem Netzwerk. Versuchen Sie es später erneut.',
  },
  recovery: deRecovery,
  secondFactor: deSecondFactor,
  haveAccount: (link) => phrase`Haben Sie schon ein Konto? ${link}`,

  reauthenticate: 'Bestätigen Sie Ihre Identität',
  reauthenticateReason: 'Geben Sie Ihr Passwort erneut ein, um fortzufahren.',
  passkeyReason: 'Verwenden Sie Ihren Passkey, um fortzufahren.',
  passkeyNeededHere: 'Dieser Browser unterstützt keine Passkeys. Öffnen Sie diese Seite in einem, der das tut.',
  goOn: 'Weiter',
  cancel: 'Abbrechen',

  signedInAs: (user) => phrase`Angemeldet als ${user}`,
  notYou: 'Nicht Sie?',

  ...deConsent,

  askContact: (contact) => phrase`Wenn Sie es brauchen, wenden Sie sich an ${contact}.`,
  goBack: 'Zurück',

  returnToApp: 'Zurück zu Ihrer App',
  appAllowed: (agent) => phrase`Die Anfrage von ${agent} wurde erlaubt.`,
  appDenied: (agent) => phrase`Die Anfrage von ${agent} wurde nicht erlaubt.`,
  appNext: 'Öffnen Sie Ihre App, um den Vorgang abzuschließen. Danach können Sie diese Seite schließen.',

  help: 'Hilfe',
  report: 'Diesen Agenten melden',
  privacy: 'Datenschutz',
  language: 'Sprache',

  account: deAccount,
  problems: deProblems,
  blocks: deBlocks,
  nowSignedInAs: (user) => phrase`Sie sind jetzt als ${user} angemeldet`,
  continueAs: (user) => phrase`Als ${user} fortfahren`,
  switchAccount: 'Anderes Konto verwenden',
  canRemove: 'Wenn Sie es nicht erlauben wollten, entfernen Sie den Zugriff.',
  tryAgain: 'Erneut versuchen',
  reference: (id) => phrase`Referenz: ${id}`,
}
