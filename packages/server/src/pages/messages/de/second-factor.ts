import type { enSecondFactor } from '../en/second-factor.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

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
