import type { enBlocks } from '../en/blocks.js'
import { phrase } from '../parts/phrase.js'

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
  compareCode: (deny) =>
    phrase`Das anfragende Programm zeigt einen Code an. Wenn es nicht dieser ist, wählen Sie ${deny}.`,
  enterCode: 'Code eingeben',
  enterCodeReason: 'Das Programm, das Sie um Zugriff bittet, zeigt einen Code aus zwölf Buchstaben und Ziffern an.',
  codeLabel: 'Code',
  wrongCode:
    'Dieser Code funktioniert nicht. Prüfen Sie ihn oder beginnen Sie neu bei dem Programm, das ihn angezeigt hat. Nach einigen falschen Codes endet die Anfrage.',
}
