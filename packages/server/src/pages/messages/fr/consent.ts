import type { enBlocks, enConsent } from '../en/consent.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

const [counted, duration] = [createCounted('fr'), createDuration('fr')]

/** The text of the consent page, in French. */
export const frConsent: typeof enConsent = {
  duration,

  allowTitle: (agentHost) => `Autoriser ${agentHost} ?`,
  allowQuestion: (agent, resource) => phrase`Autoriser ${agent} à accéder à ${resource} pour vous ?`,
  allowSignIn: (agent) => phrase`Autoriser ${agent} à vous connecter avec votre compte ici ?`,
  allowOwn: (agent) =>
    phrase`Autoriser ${agent} à vous connecter avec votre compte ici et à accéder à son propre service pour vous ?`,
  whoAsks: 'Qui fait la demande',
  callsItself: (name) => phrase`se présente sous le nom ${name}`,
  noName: 'Cet agent n’indique aucun nom.',
  comesFrom: (agent) => phrase`Cette demande vient réellement de ${agent}.`,
  publishedBy: (agent) =>
    phrase`Ses informations sont publiées par ${agent}. Rien ne prouve que cette demande vienne de là.`,
  registeredBy: {
    operator:
      'Cet agent a été enregistré par les responsables de ce serveur. Rien ne prouve que cette demande vienne de lui.',
    itself:
      'Cet agent s’est enregistré ici lui-même, comme tout programme peut le faire. Personne ne se porte donc garant de lui ni de son nom.',
  },
  comesFromCopy: (agent, name) =>
    phrase`Cette demande vient d’une copie de ${agent}, par exemple une application ou un serveur. ${agent} l’appelle ${name} et s’en porte garant.`,
  copyOf: (agent, name) => phrase`${agent} (copie ${name})`,
  notChecked: {
    nothing: 'Nous n’avons pas vérifié qui en est responsable.',
    name: 'Nous n’avons vérifié ni son nom, ni qui en est responsable.',
    logo: 'Nous n’avons vérifié ni son logo, ni qui en est responsable.',
    nameAndLogo: 'Nous n’avons vérifié ni son nom, ni son logo, ni qui en est responsable.',
  },
  resourceCallsItself: (resource, name) =>
    phrase`${resource} se présente sous le nom ${name}. Nous n’avons pas vérifié ce nom.`,
  firstTime: 'C’est la première fois que cet agent vous fait une demande.',
  requestedBefore: 'Cet agent vous a déjà fait une demande.',
  asked: (ago) => phrase`Demande faite ${ago}.`,
  code: (code) => phrase`Si un code vous a été affiché, ce doit être ${code}.`,
  allowedBefore: (day) => phrase`Vous avez autorisé cet agent le ${day}.`,
  allowedOtherCopy: (day) => phrase`Vous avez autorisé cet agent le ${day}, mais pas cette copie.`,
  allowedOnlyCopy: (day) => phrase`Vous avez autorisé une copie de cet agent le ${day}, mais pas l’agent lui-même.`,
  asksForMore: 'Il demande maintenant davantage.',
  changed: 'Quelque chose a changé chez cet agent depuis que vous l’avez autorisé pour la dernière fois :',
  changedForOthers:
    'Quelque chose a changé chez cet agent depuis qu’une autre personne l’a autorisé pour la dernière fois :',
  changes: {
    keys: 'Il utilise une nouvelle clé.',
    redirect_host: 'Il vous envoie maintenant à une autre adresse.',
    name: 'Il a un nouveau nom.',
    unnamed: 'Il n’indique plus de nom.',
  },
  before: (value) => phrase`Avant : ${value}`,
  saysNothing: (agent) => phrase`${agent} n’indique aucun nom et n’a pas de site web. Redoublez de prudence.`,
  lookAlike: (agent) =>
    phrase`Regardez bien : ${agent} correspond à une adresse qui contient des lettres autres que a–z. De telles lettres peuvent imiter une adresse que vous connaissez.`,
  claims: {
    brand: (brand, agent) =>
      phrase`« ${brand} » est un nom auquel les gens font confiance, mais ${agent} ne fait pas partie de ses adresses que nous connaissons.`,
    address: (address, agent) => phrase`Son nom ressemble à l’adresse ${address}, mais la demande vient de ${agent}.`,
    imitation:
      'Son nom pourrait passer pour un message de notre part. Ce n’en est pas un : l’agent l’a choisi, et nous ne l’avons pas vérifié.',
  },

  details: 'Détails',
  detailsAndNot: 'Détails, et ce que l’agent ne pourra pas faire',
  detailAgent: 'Agent',
  detailDelegate: 'Copie de l’agent (appareil ou instance)',
  detailKey: 'Empreinte de la clé',
  detailResource: 'À quoi il aura accès',
  detailPermissions: 'Noms techniques de ce qu’il pourra faire',
  detailCall: '« Juste cette fois » autorise exactement',
  detailRedirect: 'Où vous irez ensuite',
  agentLinks: 'Pages de l’agent lui-même. Nous ne les avons pas vérifiées. Elles s’ouvrent dans un nouvel onglet.',
  homepage: 'Page d’accueil',
  policy: 'Politique de confidentialité',
  terms: 'Conditions d’utilisation',

  able: 'Cet agent pourra',
  ableNothing: (resource) => phrase`${resource} ne fournit aucune liste.`,
  noDescription: (resource) => phrase`${resource} ne fournit aucune description`,
  identity: {
    openid: 'Vous reconnaître à votre retour',
    profile: 'Voir votre nom et votre identifiant',
    email: 'Voir votre adresse e-mail',
  },
  noValue: 'vous ne l’avez pas indiquée',
  withheld: 'information demandée, mais nous ne la transmettrons pas',
  risks: {
    read: 'Lire',
    change: 'Modifier',
    delete: 'Supprimer',
    spend: 'Dépenser',
    control: 'Contrôle total',
  },
  isNew: 'Nouveau',
  kept: 'Il peut encore :',
  leftOut: 'Vous avez retiré ceci il y a peu, donc cela reste retiré :',
  notAble: 'Cet agent ne pourra pas',
  notSeePassword: 'Voir votre mot de passe',
  notGetPassword: 'Obtenir votre mot de passe auprès de nous',
  notRequested: 'non demandé',
  notElsewhere: 'Accéder à vos autres services',
  alreadyElsewhere: (services, myAgents) => phrase`Il peut déjà accéder à ${services} (voir ${myAgents}).`,
  alreadySignsIn: (myAgents) => phrase`Il peut déjà vous connecter (voir ${myAgents}).`,
  moreServices: (count) => counted(count, { one: '# autre service', other: '# autres services' }),
  howLong: 'Pour combien de temps',
  untilRemoved: 'Jusqu’au retrait',
  once: 'Juste cette fois',
  onceAllows: (call, seconds) =>
    phrase`« Juste cette fois » n’autorise que ${call}, une seule fois, dans un délai de ${duration(seconds)}.`,
  onceSends: 'Ce que l’agent envoie en même temps ne peut pas changer non plus, mais nous ne pouvons pas le voir.',
  askedAgain: 'La prochaine fois que vous connecterez cet agent, nous vous demanderons à nouveau votre accord.',
  whileAway: 'Il peut s’en servir en votre absence.',
  removeIn: (myAgents) => phrase`Vous pouvez retirer l’accès à tout moment dans ${myAgents}.`,
  worksOn: (seconds) => `L’accès peut ensuite durer encore ${duration(seconds)} au plus.`,
  myAgents: 'Mes agents',

  loopback: (port) =>
    phrase`Votre réponse est envoyée à une application sur cet appareil (port ${port}). Ne continuez que si vous venez de la lancer vous-même.`,
  bearer:
    'Cet accès n’est pas lié à un seul programme : toute personne qui le copie peut l’utiliser jusqu’à ce qu’il prenne fin.',
  anyProgram: (port) =>
    phrase`Un programme sur l’ordinateur devant vous obtiendra cet accès (port ${port}). Ne l’autorisez que si vous venez d’y lancer ce programme. Si quelqu’un vous demande de copier une adresse depuis ce navigateur, ne le faites pas : elle contient l’accès.`,
  elsewhere: (redirect, agent) =>
    phrase`Votre réponse est envoyée à ${redirect}, une adresse différente de ${agent}. Ne continuez que si vous vous y attendiez.`,
  toldToOpen: (deny) =>
    phrase`Venez-vous de demander quelque chose à cet agent ? Si une personne, un message ou un appel téléphonique vous a dit d’ouvrir cette page, choisissez ${deny}.`,
  dangerous: (agent, what) =>
    phrase`Avec cette autorisation, ${agent} pourrait ${what}. N’autorisez cela que si vous savez pourquoi l’agent en a besoin.`,
  dangers: {
    delete: 'supprimer des données',
    spend: 'dépenser votre argent',
    control: 'prendre le contrôle total',
  },
  passkeyAgain: 'Pour autoriser, confirmez avec votre clé d’accès.',
  passkeyNeeded:
    'Ce navigateur ne prend pas en charge les clés d’accès. Ouvrez la demande dans un navigateur qui le fait.',
  passwordAgain: 'Pour autoriser, saisissez à nouveau votre mot de passe.',
  deny: 'Refuser',
  allow: 'Autoriser',
  goBackTo: (redirect) => phrase`Vous reviendrez à ${redirect}`,
  goOnTo: (redirect) => phrase`Vous irez ensuite à ${redirect}`,
  endsAt: (time) => phrase`Cette demande expire à ${time}.`,
  endsSoon: (time) => phrase`Cette demande expire bientôt, à ${time}. Vous pouvez demander plus de temps.`,
  extend: 'J’ai besoin de plus de temps',
}

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
  sameCode: 'Autoriser, même code',
  compareCode: (deny) =>
    phrase`Le programme qui a fait la demande affiche un code. Si ce n’est pas celui-ci, choisissez ${deny}.`,
  enterCode: 'Saisissez le code',
  enterCodeReason: 'Le programme qui vous demande un accès affiche un code de douze lettres et chiffres.',
  codeLabel: 'Code',
  wrongCode:
    'Ce code ne fonctionne pas. Vérifiez-le, ou recommencez à partir du programme qui l’a affiché. Quelques codes erronés mettent fin à la demande.',
}
