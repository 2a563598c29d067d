import type { enDevices, enSecondFactor } from '../en/security.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about a user's devices, in German. */
export const deDevices: typeof enDevices = {
  heading: 'Meine Geräte',
  lead: 'Diese Geräte handeln mit einem eigenen Schlüssel für Sie. Wenn Sie eines trennen, endet sein gesamter Zugriff sofort. Bis zu eine Stunde lang kann es noch angeben, wer es ist.',
  connectedOn: (moment) => phrase`Verbunden am ${moment}.`,
  lastUsedOn: (moment) => phrase`Zuletzt verwendet am ${moment}.`,
  lastUsedFrom: (moment, address) => phrase`Zuletzt verwendet am ${moment} von ${address}.`,
  endsOn: (moment) => phrase`Es wurde mit einem Code verbunden und endet von selbst am ${moment}.`,
  stays: 'Es bleibt, bis Sie es trennen.',
  disconnect: 'Trennen',
  noAccess: 'Kein Agent hat Zugriff auf etwas. Ihre Geräte fragen Sie, bevor sie Zugriff erhalten.',

  connect: 'Diesen Computer verbinden',
  signIn: 'Melden Sie sich an, um ein Gerät mit Ihrem Konto zu verbinden.',
  question: 'Haben Sie dies gerade auf diesem Computer gestartet?',
  questionElsewhere: 'Haben Sie dies gerade auf dem genannten Gerät gestartet?',
  answersTo: (device, port) =>
    phrase`Ihre Antwort geht über diesen Computer (Port ${port}) an Ihr Gerät ${device}. Wenn die nächste Seite nicht geladen wird, kopieren Sie deren Adresse in das Terminal dieses Geräts, und nur dorthin.`,
  comesFrom: (name) => phrase`Diese Anfrage kommt von Ihrem Gerät ${name}, das Sie mit diesem Konto verbunden haben.`,
  asks: (device) =>
    phrase`Ein Programm, das diesen Computer ${device} nennt, möchte von nun an für Sie handeln. Bevor es auf etwas zugreifen kann, muss es Sie trotzdem fragen.`,
  asked: 'Was verbunden wird',
  account: 'Konto',
  device: 'Gerät',
  network: 'Netzwerk',
  time: 'Zeit',
  unchecked: 'Den Namen des Geräts hat das Programm gewählt. Wir haben ihn nicht geprüft.',
  notYou: 'Wenn eine Nachricht, eine Website oder jemand anderes Sie hierhergeführt hat, wählen Sie „Nein“.',
  no: 'Nein',
  yes: 'Ja, verbinden',
  tooMany: 'Sie haben so viele Geräte, wie dieser Server erlaubt. Trennen Sie zuerst eines unter „Meine Agenten“.',

  goBack: 'Zurück zum Terminal',
  connected: 'Dieser Computer wird verbunden. Sie können diese Seite schließen und zum Terminal zurückkehren.',
  denied: 'Es wurde nichts verbunden. Sie können diese Seite schließen.',

  codeHeading: 'Gerät mit einem Code verbinden',
  codeLead:
    'Für einen Computer ohne Browser, zum Beispiel einen, den Sie über ssh erreichen. Das Gerät funktioniert einen Tag lang und kann weder löschen noch Geld ausgeben noch die volle Kontrolle übernehmen.',
  codeWarning:
    'Geben Sie den Code nur in Ihr eigenes Terminal ein. Geben Sie ihn niemals weiter, und geben Sie ihn niemals dort ein, wo jemand anderes es verlangt: Wer ihn hat, kann für Sie handeln.',
  getCode: 'Code anfordern',
  typeCode: (moment) =>
    phrase`Geben Sie diesen Code in das Terminal ein, das danach gefragt hat. Er funktioniert einmal, bis ${moment}.`,
  typed: 'Code eingegeben',
  notTyped: 'Noch hat kein Gerät diesen Code gesendet. Geben Sie ihn im Terminal ein und machen Sie dann hier weiter.',
  compare: (device, account) =>
    phrase`Ein Gerät, das sich ${device} nennt, hat den Code gesendet, um für ${account} zu handeln. Haben Sie den Code dort selbst eingegeben, und zeigt es diese Zahl an?`,
  claimedWarning:
    'Haben Sie den Code jemandem genannt, auch dem Support? Dann wählen Sie „Nein“: So erhält niemand Zugriff.',
  same: 'Ja, selbst eingegeben, gleiche Zahl',
  confirmed: (device) =>
    phrase`Ihr Gerät ${device} wird verbunden. Sie können diese Seite schließen und zum Terminal zurückkehren.`,
  afterConfirmed:
    'Es hat noch auf nichts Zugriff: Wenn es etwas Neues braucht, fragt es Sie. Nach einem Tag endet es von selbst. Bis dahin können Sie es hier trennen.',
  codeEnded: 'Der Code funktioniert nicht mehr. Fordern Sie einen neuen an, wenn Sie noch einen brauchen.',
}

const counted = createCounted('de')

/** The text of the pages about the second factor, in German. */
export const deSecondFactor: typeof enSecondFactor = {
  name: 'Bestätigung in zwei Schritten',
  lead: 'Nach Ihrem Passwort geben Sie auch einen Code aus einer App auf Ihrem Smartphone ein. Wer nur Ihr Passwort kennt, kann sich dann nicht anmelden.',
  since: (day) => phrase`Eingeschaltet seit dem ${day}.`,
  codesLeft: (count) =>
    counted(count, {
      one: 'Ein Wiederherstellungscode ist noch übrig.',
      other: '# Wiederherstellungscodes sind noch übrig.',
    }),
  setUp: 'Bestätigung in zwei Schritten einrichten',
  replace: 'Andere App oder anderes Smartphone verwenden',
  newCodes: 'Neue Wiederherstellungscodes',
  newCodesEffect: 'Ihre alten Wiederherstellungscodes funktionieren dann nicht mehr.',
  turnOff: 'Bestätigung in zwei Schritten ausschalten',
  turnOffQuestion: 'Bestätigung in zwei Schritten ausschalten?',
  turnOffEffect:
    'Danach genügt Ihr Passwort, um sich anzumelden. Ihre Wiederherstellungscodes funktionieren nicht mehr.',
  keep: 'Eingeschaltet lassen',

  required: (server) => phrase`${server} verlangt das von allen, bevor es weitergeht.`,
  replaceEffect:
    'Sobald Sie einen Code aus der neuen App eingegeben haben, funktionieren die Codes aus der alten nicht mehr.',
  scan: 'Öffnen Sie eine Authenticator-App auf Ihrem Smartphone und scannen Sie damit dieses Bild.',
  qrCode: 'QR-Code mit dem Schlüssel, der darunter steht',
  typeKey: (key) => phrase`Wenn Sie es nicht scannen können, geben Sie diesen Schlüssel in der App ein: ${key}`,
  openApp: 'In einer App auf diesem Gerät öffnen',
  enterShown: 'Geben Sie den Code ein, den die App anzeigt.',
  code: 'Code',
  turnOn: 'Einschalten',

  codesHeading: 'Sichern Sie Ihre Wiederherstellungscodes',
  codesLead:
    'Wenn Sie Ihr Smartphone verlieren, können Sie sich stattdessen mit einem dieser Codes anmelden. Jeder funktioniert einmal. Bewahren Sie sie dort auf, wo andere sie nicht finden, etwa in einem Passwortmanager oder ausgedruckt in einer Schublade: Wir können sie nicht noch einmal anzeigen.',
  codesSaved: 'Ich habe sie gesichert',

  stepHeading: 'Code eingeben',
  stepLead: (server) =>
    phrase`Öffnen Sie Ihre Authenticator-App und geben Sie den Code ein, den sie für ${server} anzeigt. Sie können auch einen Wiederherstellungscode eingeben.`,
  stepPasskey: 'Um sich bei Ihrem Konto anzumelden, brauchen Sie auch Ihren Passkey.',
  lost: 'Smartphone und Wiederherstellungscodes verloren?',
  askToReset: (whom) => phrase`Bitten Sie ${whom}, die Bestätigung in zwei Schritten für Ihr Konto auszuschalten.`,
  proveToContinue: 'Geben Sie erneut Ihr Passwort und einen Code ein, um fortzufahren.',
  proveToAllow: 'Um dies zu erlauben, geben Sie erneut Ihr Passwort und einen Code ein.',
  setUpToAllow:
    'Bevor Sie dies erlauben können, müssen Sie die Bestätigung in zwei Schritten einrichten. Wir leiten Sie dorthin und danach wieder hierher.',
}
