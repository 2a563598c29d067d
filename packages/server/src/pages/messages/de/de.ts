import type { en } from '../en/en.js'
import { createCounted, createDuration, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { deAccount } from './account.js'
import { deBlocks } from './blocks.js'
import { deProblems } from './problems.js'
import { deRecovery } from './recovery.js'
import { deSecondFactor } from './security.js'

const [counted, duration] = [createCounted('de'), createDuration('de')]

/** The text of the pages, in German. */
export const de: typeof en = {
  lang: 'de',
  dir: 'ltr',
  languageName: 'Deutsch',

  ...createFormats('de'),
  duration,

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
  passwordAddress: (host) => phrase`Geben Sie es nur ein, wenn die Adresse dieser Seite mit ${host} beginnt.`,
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

  allowTitle: (agentHost) => `${agentHost} Zugriff erlauben?`,
  allowQuestion: (agent, resource) => phrase`Darf ${agent} für Sie auf ${resource} zugreifen?`,
  allowSignIn: (agent) => phrase`Darf ${agent} Sie mit Ihrem Konto hier anmelden?`,
  allowOwn: (agent) =>
    phrase`Darf ${agent} Sie mit Ihrem Konto hier anmelden und für Sie auf seinen eigenen Dienst zugreifen?`,
  whoAsks: 'Wer fragt',
  callsItself: (name) => phrase`nennt sich ${name}`,
  noName: 'Dieser Agent gibt keinen Namen an.',
  comesFrom: (agent) => phrase`Diese Anfrage kommt wirklich von ${agent}.`,
  publishedBy: (agent) =>
    phrase`Die Angaben zum Agenten veröffentlicht ${agent}. Nichts beweist, dass diese Anfrage von dort kommt.`,
  registeredBy: {
    operator:
      'Wer diesen Server betreibt, hat den Agenten registriert. Nichts beweist, dass diese Anfrage von ihm kommt.',
    itself:
      'Der Agent hat sich hier selbst registriert, wie es jedes Programm kann. Niemand bürgt also für ihn oder für seinen Namen.',
  },
  comesFromCopy: (agent, name) =>
    phrase`Diese Anfrage kommt von einer Kopie von ${agent}, etwa einer App oder einem Server. ${agent} nennt sie ${name} und bürgt für sie.`,
  copyOf: (agent, name) => phrase`${agent} (Kopie ${name})`,
  notChecked: {
    nothing: 'Wir haben nicht geprüft, wer dahintersteht.',
    name: 'Wir haben weder den Namen geprüft noch, wer dahintersteht.',
    logo: 'Wir haben weder das Logo geprüft noch, wer dahintersteht.',
    nameAndLogo: 'Wir haben weder den Namen noch das Logo geprüft und auch nicht, wer dahintersteht.',
  },
  resourceCallsItself: (resource, name) =>
    phrase`${resource} nennt sich ${name}. Diesen Namen haben wir nicht geprüft.`,
  firstTime: 'Dieser Agent fragt Sie zum ersten Mal.',
  requestedBefore: 'Dieser Agent hat Sie schon einmal gefragt.',
  asked: (ago) => phrase`Angefragt ${ago}.`,
  code: (code) => phrase`Wenn Ihnen ein Code angezeigt wurde, muss er ${code} lauten.`,
  allowedBefore: (day) => phrase`Sie haben diesem Agenten am ${day} Zugriff erlaubt.`,
  allowedOtherCopy: (day) =>
    phrase`Sie haben diesem Agenten am ${day} Zugriff erlaubt, aber nicht dieser Kopie von ihm.`,
  allowedOnlyCopy: (day) =>
    phrase`Sie haben am ${day} einer Kopie dieses Agenten Zugriff erlaubt, aber nicht dem Agenten selbst.`,
  asksForMore: 'Jetzt bittet er um mehr.',
  changed: 'An diesem Agenten hat sich etwas geändert, seit Sie ihm zuletzt Zugriff erlaubt haben:',
  changedForOthers: 'An diesem Agenten hat sich etwas geändert, seit ihm jemand anderes zuletzt Zugriff erlaubt hat:',
  changes: {
    keys: 'Er verwendet einen neuen Schlüssel.',
    redirect_host: 'Er schickt Sie jetzt an eine andere Adresse.',
    name: 'Er hat einen neuen Namen.',
    unnamed: 'Er gibt keinen Namen mehr an.',
  },
  before: (value) => phrase`Vorher: ${value}`,
  saysNothing: (agent) =>
    phrase`${agent} gibt keinen Namen an und hat keine Website. Seien Sie deshalb besonders vorsichtig.`,
  lookAlike: (agent) =>
    phrase`Sehen Sie genau hin: ${agent} steht für eine Adresse mit Buchstaben außerhalb von a–z. Solche Buchstaben können eine Adresse nachahmen, die Sie kennen.`,
  claims: {
    brand: (brand, agent) =>
      phrase`„${brand}“ ist ein Name, dem viele vertrauen. ${agent} gehört aber nicht zu den Adressen, die wir von dort kennen.`,
    address: (address, agent) =>
      phrase`Der Name sieht aus wie die Adresse ${address}, aber die Anfrage kommt von ${agent}.`,
    imitation:
      'Man könnte den Namen für eine Nachricht von uns halten. Das ist er nicht: Der Agent hat ihn gewählt, und wir haben ihn nicht geprüft.',
  },

  details: 'Details',
  detailsAndNot: 'Details und was der Agent nicht kann',
  detailAgent: 'Agent',
  detailDelegate: 'Kopie des Agenten (Gerät oder Instanz)',
  detailKey: 'Fingerabdruck des Schlüssels',
  detailResource: 'Worauf der Agent Zugriff bekommt',
  detailPermissions: 'Technische Namen dessen, was der Agent dann kann',
  detailCall: '„Nur dieses Mal“ erlaubt genau',
  detailRedirect: 'Wohin Sie danach kommen',
  agentLinks: 'Die eigenen Seiten des Agenten. Wir haben sie nicht geprüft. Sie öffnen sich in einem neuen Tab.',
  homepage: 'Startseite',
  policy: 'Datenschutzerklärung',
  terms: 'Nutzungsbedingungen',

  able: 'Der Agent kann dann',
  ableNothing: (resource) => phrase`${resource} gibt keine Liste an.`,
  noDescription: (resource) => phrase`${resource} gibt keine Beschreibung an`,
  identity: {
    openid: 'Sie wiedererkennen, wenn Sie zurückkommen',
    profile: 'Ihren Namen und Benutzernamen sehen',
    email: 'Ihre E-Mail-Adresse sehen',
  },
  noValue: 'von Ihnen nicht angegeben',
  withheld: 'angefragt, aber wir geben sie nicht weiter',
  risks: { read: 'Lesen', change: 'Ändern', delete: 'Löschen', spend: 'Geld ausgeben', control: 'Volle Kontrolle' },
  isNew: 'Neu',
  kept: 'Weiterhin möglich:',
  leftOut: 'Das haben Sie vor Kurzem entfernt, deshalb bleibt es entfernt:',
  notAble: 'Der Agent kann nicht',
  notSeePassword: 'Ihr Passwort sehen',
  notGetPassword: 'Ihr Passwort von uns bekommen',
  notRequested: 'nicht angefragt',
  notElsewhere: 'Auf Ihre anderen Dienste zugreifen',
  alreadyElsewhere: (services, myAgents) => phrase`Der Agent hat bereits Zugriff auf ${services} (siehe ${myAgents}).`,
  alreadySignsIn: (myAgents) => phrase`Der Agent kann Sie bereits anmelden (siehe ${myAgents}).`,
  moreServices: (count) => counted(count, { one: '# weiteren Dienst', other: '# weitere Dienste' }),
  howLong: 'Für wie lange',
  untilRemoved: 'Bis zum Widerruf',
  once: 'Nur dieses Mal',
  onceAllows: (call, seconds) =>
    phrase`„Nur dieses Mal“ erlaubt nur ${call}, ein einziges Mal, und gilt höchstens ${duration(seconds)}.`,
  onceSends: 'Auch was dabei gesendet wird, kann sich nicht ändern, aber wir können es nicht sehen.',
  askedAgain: 'Wenn Sie diesen Agenten das nächste Mal verbinden, fragen wir Sie erneut.',
  whileAway: 'Er kann dies auch in Ihrer Abwesenheit nutzen.',
  removeIn: (myAgents) => phrase`Sie können den Zugriff jederzeit unter ${myAgents} entfernen.`,
  worksOn: (seconds) => `Danach kann der Zugriff noch bis zu ${duration(seconds)} funktionieren.`,
  myAgents: 'Meine Agenten',

  loopback: (port) =>
    phrase`Ihre Antwort geht an eine App auf diesem Gerät (Port ${port}). Fahren Sie nur fort, wenn Sie sie gerade selbst gestartet haben.`,
  bearer: 'Dieser Zugriff ist nicht an ein Programm gebunden: Wer ihn kopiert, kann ihn verwenden, bis er endet.',
  anyProgram: (port) =>
    phrase`Ein Programm auf dem Computer vor Ihnen bekommt diesen Zugriff (Port ${port}). Erlauben Sie ihn nur, wenn Sie es dort gerade eben gestartet haben. Wenn jemand Sie bittet, eine Adresse aus diesem Browser zu kopieren, tun Sie es nicht: Diese Adresse enthält den Zugriff.`,
  elsewhere: (redirect, agent) =>
    phrase`Ihre Antwort geht an ${redirect}, also an eine andere Adresse als ${agent}. Fahren Sie nur fort, wenn Sie das erwartet haben.`,
  toldToOpen: (deny) =>
    phrase`Haben Sie diesen Agenten gerade um etwas gebeten? Wenn eine Person, eine Nachricht oder ein Anruf Sie aufgefordert hat, diese Seite zu öffnen, wählen Sie ${deny}.`,
  dangerous: (agent, what) =>
    phrase`Damit könnte ${agent} ${what}. Erlauben Sie das nur, wenn Sie wissen, warum der Agent das braucht.`,
  dangers: { delete: 'Daten löschen', spend: 'Ihr Geld ausgeben', control: 'die volle Kontrolle übernehmen' },
  passkeyAgain: 'Um dies zu erlauben, bestätigen Sie mit Ihrem Passkey.',
  passkeyNeeded: 'Dieser Browser unterstützt keine Passkeys. Öffnen Sie die Anfrage in einem, der das tut.',
  passwordAgain: 'Um dies zu erlauben, geben Sie Ihr Passwort erneut ein.',
  deny: 'Nicht erlauben',
  allow: 'Erlauben',
  goBackTo: (redirect) => phrase`Danach geht es zurück zu ${redirect}`,
  goOnTo: (redirect) => phrase`Danach geht es weiter zu ${redirect}`,
  endsAt: (time) => phrase`Diese Anfrage endet um ${time}.`,
  endsSoon: (time) => phrase`Diese Anfrage endet bald, um ${time}. Sie können um mehr Zeit bitten.`,
  extend: 'Ich brauche mehr Zeit',

  forbids: 'Ihre Administration erlaubt dies nicht.',
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
