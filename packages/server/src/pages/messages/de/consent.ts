import type { enBlocks, enConsent } from '../en/consent.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

const [counted, duration] = [createCounted('de'), createDuration('de')]

/** The text of the consent page, in German. */
export const deConsent: typeof enConsent = {
  duration,

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
}

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in German. */
export const deBlocks: typeof enBlocks = {
  comesFromAgent: (id, provider) => phrase`Diese Anfrage kommt von ${id}, und ${provider} bürgt dafür.`,
  detailAgentId: 'Vollständiger Name des Agenten',
  allowedOther: (day, provider) =>
    phrase`Sie haben am ${day} einem anderen Agenten von ${provider} Zugriff erlaubt, aber nicht diesem.`,
  enrolment: 'Dieser Agent ist hier neu',
  enrols: (id) =>
    phrase`Wenn Sie dies erlauben, handelt ${id} von nun an für Sie und für niemand anderen, bis Sie ihn unter „Meine Agenten“ entfernen.`,
  agentSays: (id) => phrase`Was ${id} sagt`,
  agentSaysUnchecked: 'Das hat der Agent geschrieben. Wir haben es nicht geprüft.',
  platform: 'Läuft auf',
  platforms: {
    web: 'einer Website',
    mobile: 'einem Smartphone oder Tablet',
    desktop: 'einem Computer',
    workload: 'einem Server',
    'self-hosted': 'einem eigenen Server der Person, die ihn nutzt',
  },
  device: 'Nennt sein Gerät',
  resourceSays: (resource) => phrase`Was ${resource} sagt`,
  account: 'Ihr Konto dort',
  resourceUnreachable: (resource) =>
    phrase`Wir konnten nicht lesen, was ${resource} über sich veröffentlicht. Wir kennen also nur die Adresse.`,
  needs: {
    identity: (resource) =>
      phrase`Dort heißt es, dass ein Agent, der für Sie handelt, keine weitere Berechtigung braucht: ${resource} entscheidet, was der Agent tun darf.`,
    permission: (resource) =>
      phrase`Dort heißt es, dass ein Agent für das, was er dort tut, auch Ihre Erlaubnis braucht. Möglicherweise werden Sie deshalb für ${resource} erneut gefragt.`,
  },
  actAs: 'Dort in Ihrem Namen handeln, soweit der Dienst das ohne erneute Rückfrage bei Ihnen zulässt',
  sameCode: 'Erlauben, gleicher Code',
  compareCode: (deny) =>
    phrase`Das anfragende Programm zeigt einen Code an. Wenn es nicht dieser ist, wählen Sie ${deny}.`,
  enterCode: 'Code eingeben',
  enterCodeReason: 'Das Programm, das Sie um Zugriff bittet, zeigt einen Code aus zwölf Buchstaben und Ziffern an.',
  codeLabel: 'Code',
  wrongCode:
    'Dieser Code funktioniert nicht. Prüfen Sie ihn oder beginnen Sie neu bei dem Programm, das ihn angezeigt hat. Nach einigen falschen Codes endet die Anfrage.',
}
