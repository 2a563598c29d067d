import type { enBlocks } from '../en/blocks.js'
import { phrase } from '../parts/phrase.js'

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in French. */
export const frBlocks: typeof enBlocks = {
  comesFromAgent: (id, provider) => phrase`Cette demande vient de ${id}, et ${provider} s’en porte garant.`,
  detailAgentId: 'Nom complet de l’agent',
  allowedOther: (day, provider) =>
    phrase`Vous avez autorisé un autre agent de ${provider} le ${day}, mais pas celui-ci.`,
  enrolment: 'Cet agent est nouveau ici',
  enrols: (id) =>
    phrase`Si vous autorisez cette demande, ${id} agira désormais pour vous, et pour personne d’autre, jusqu’à ce que vous le retiriez dans « Mes agents ».`,
  agentSays: (id) => phrase`Ce que dit ${id}`,
  agentSaysUnchecked: 'C’est l’agent qui a écrit cela. Nous ne l’avons pas vérifié.',
  platform: 'Fonctionne sur',
  platforms: {
    web: 'un site web',
    mobile: 'un téléphone ou une tablette',
    desktop: 'un ordinateur',
    workload: 'un serveur',
    'self-hosted': 'le serveur personnel de la personne qui utilise l’agent',
  },
  device: 'Appelle son appareil',
  resourceSays: (resource) => phrase`Ce que dit ${resource}`,
  account: 'Votre compte dans ce service',
  resourceUnreachable: (resource) =>
    phrase`Nous n’avons pas pu lire ce que ${resource} publie sur lui-même : nous n’en connaissons que l’adresse.`,
  needs: {
    identity: (resource) =>
      phrase`Ce service indique qu’un agent qui agit pour vous n’a besoin d’aucune autre autorisation : c’est ${resource} qui décide de ce que l’agent peut faire.`,
    permission: (resource) =>
      phrase`Ce service indique qu’un agent a aussi besoin de votre autorisation pour ce qu’il y fait ; une nouvelle demande pour ${resource} pourra donc suivre.`,
  },
  actAs: 'Agir en votre nom dans ce service, dans la mesure où celui-ci le permet sans vous redemander votre accord',
  compareCode: (deny) =>
    phrase`Le programme qui a fait la demande affiche un code. Si ce n’est pas celui-ci, choisissez ${deny}.`,
  enterCode: 'Saisissez le code',
  enterCodeReason: 'Le programme qui vous demande un accès affiche un code de douze lettres et chiffres.',
  codeLabel: 'Code',
  wrongCode:
    'Ce code ne fonctionne pas. Vérifiez-le, ou recommencez à partir du programme qui l’a affiché. Quelques codes erronés mettent fin à la demande.',
}
