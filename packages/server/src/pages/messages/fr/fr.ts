import type { en } from '../en/en.js'
import { createCounted, createDuration, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { frAccount } from './account.js'
import { frBlocks } from './blocks.js'
import { frProblems } from './problems.js'
import { frRecovery } from './recovery.js'
import { frSecondFactor } from './security.js'

const [counted, duration] = [createCounted('fr'), createDuration('fr')]

/** The text of the pages, in French. */
export const fr: typeof en = {
  lang: 'fr',
  dir: 'ltr',
  languageName: 'Français',

  ...createFormats('fr'),
  duration,

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: ' : ',
  sentences: createJoin(' '),
  errorTitle: (title) => `Erreur : ${title}`,
  theAgent: 'l’agent',
  quoted: (words) => phrase`« ${words} »`,

  signIn: 'Se connecter',
  signInHeading: (server) => phrase`Connexion à ${server}`,
  signInReason: (agent, resource) => phrase`${agent} demande l’accès à ${resource}.`,
  signInByLink: (agent, resource) =>
    phrase`D’après le lien que vous avez suivi, ${agent} demande l’accès à ${resource}. Nous le vérifierons après votre connexion.`,
  signInByUnnamed: (resource) =>
    phrase`D’après le lien que vous avez suivi, un agent demande l’accès à ${resource}. Nous le vérifierons après votre connexion.`,
  signInByUnnamedForAny:
    'D’après le lien que vous avez suivi, un agent demande un accès. Nous le vérifierons après votre connexion.',
  signInForAgent: (agent) => phrase`${agent} souhaite vous connecter avec votre compte ici.`,
  signInNext: 'Connectez-vous pour voir ce qui est demandé. Rien de nouveau n’est autorisé sans votre accord.',
  userName: 'Identifiant',
  password: 'Mot de passe',
  passwordAddress: (host) => phrase`Ne le saisissez que si l’adresse de cette page commence par ${host}.`,
  passwordStays: (server, agent) => phrase`Seul ${server} voit votre mot de passe, jamais ${agent}.`,
  signInProblems: {
    wrong_password: 'Cet identifiant et ce mot de passe ne fonctionnent pas ici. Vérifiez-les et réessayez.',
    throttled:
      'Trop de tentatives. Réessayez plus tard, ou utilisez un navigateur qui a déjà servi à vous connecter. En cas d’urgence, demandez à l’administration de ce serveur de débloquer votre compte.',
    provider_failed: 'Cette connexion n’a pas fonctionné. Réessayez ou connectez-vous autrement.',
    provider_denied: 'Cette connexion a été annulée. Rien n’a changé.',
    provider_expired: 'Cette connexion a pris trop de temps. Réessayez.',
    provider_not_fresh:
      'Vous devez vous connecter à nouveau, et cet autre service n’a pas confirmé que vous l’avez fait. Déconnectez-vous de ce service et réessayez, ou connectez-vous autrement.',
    step_expired: 'Cela a pris trop de temps. Connectez-vous à nouveau.',
    account_disabled: 'Votre compte est désactivé ici. Adressez-vous à l’administration de ce serveur.',
    passkey_failed: 'La connexion avec cette clé d’accès n’a pas fonctionné. Réessayez ou connectez-vous autrement.',
  },
  forgotPassword: 'Mot de passe oublié ?',
  askForPassword: (whom) => phrase`Demandez-en un nouveau à ${whom}.`,
  administrator: 'l’administration de ce serveur',
  passwordProblems: {
    passkey_failed: 'Cette clé d’accès n’a pas fonctionné. Réessayez.',
    wrong_password: 'Ce mot de passe est incorrect. Réessayez.',
    wrong_code: 'Ce code est incorrect ou a déjà été utilisé. Attendez le suivant, puis réessayez.',
    throttled: 'Trop de tentatives. Patientez quelques minutes, puis réessayez.',
  },
  showPassword: 'Afficher le mot de passe',
  showPasswords: 'Afficher les deux mots de passe',
  signInToAccount: 'Connectez-vous pour voir les agents que vous avez autorisés.',
  signInAgain: {
    request:
      'La demande porte sur quelque chose de risqué, comme supprimer des données ou dépenser de l’argent. Connectez-vous à nouveau avant de décider.',
    login: 'L’agent demande que vous vous connectiez à nouveau avant de décider.',
    security: 'Pour continuer, connectez-vous à nouveau.',
  },
  otherWays: 'Autres moyens de connexion',
  signInWith: (provider) => phrase`Se connecter avec ${provider}`,
  signInWithPasskey: 'Se connecter avec une clé d’accès',
  usePasskey: 'Utiliser votre clé d’accès',
  lostPasskey: 'Clé d’accès perdue ?',
  askAboutPasskey: (whom) =>
    phrase`Demandez à ${whom} de la retirer de votre compte. D’ici là, vous pouvez vous connecter autrement pour voir vos sessions et y mettre fin.`,
  passkeyStopped: 'Cela n’a pas fonctionné, et rien n’a changé. Réessayez.',
  noAccount: (link) => phrase`Pas encore de compte ? ${link}`,

  signUp: 'Créer un compte',
  signUpHeading: (server) => phrase`Créer un compte sur ${server}`,
  signUpReason: 'Avec un compte, c’est vous qui décidez de ce que les agents peuvent faire pour vous.',
  signUpNext: 'Avec un compte, vous pouvez voir ce qui est demandé. Rien n’est autorisé sans votre accord.',
  email: 'Adresse e-mail',
  optional: 'facultatif',
  userNameHint: 'Utilisez des lettres, des chiffres, des points et des tirets.',
  emailHint: 'Les agents ne peuvent la voir que si vous l’autorisez.',
  newPassword: 'Nouveau mot de passe',
  passwordHint: (minimum) =>
    `Au moins ${counted(minimum, { one: '# caractère', other: '# caractères' })}. Trois ou quatre mots choisis au hasard conviennent bien.`,
  signUpProblems: {
    username_taken: 'Cet identifiant est déjà pris. Choisissez-en un autre.',
    username_looks_alike: 'Cet identifiant ressemble à celui de quelqu’un d’autre. Choisissez-en un autre.',
    username_mixed:
      'Cet identifiant mélange des lettres semblables de deux alphabets. N’utilisez qu’un seul alphabet par mot.',
    username_invalid:
      'Cet identifiant est trop long ou contient des caractères que nous ne pouvons pas utiliser. Utilisez des lettres, des chiffres, des points et des tirets.',
    email_invalid: 'Cela ne ressemble pas à une adresse e-mail. Vérifiez-la ou laissez le champ vide.',
    password_too_short: 'Ce mot de passe est trop court. Choisissez-en un plus long.',
    password_too_long: 'Ce mot de passe est trop long. Choisissez-en un plus court.',
    password_common:
      'Beaucoup de gens utilisent ce mot de passe, il est donc facile à deviner. Choisissez-en un autre.',
    throttled: 'Trop de tentatives depuis votre réseau. Réessayez plus tard.',
  },
  recovery: frRecovery,
  secondFactor: frSecondFactor,
  haveAccount: (link) => phrase`Vous avez déjà un compte ? ${link}`,

  reauthenticate: 'Confirmez que c’est bien vous',
  reauthenticateReason: 'Saisissez à nouveau votre mot de passe pour continuer.',
  passkeyReason: 'Utilisez votre clé d’accès pour continuer.',
  passkeyNeededHere:
    'Ce navigateur ne prend pas en charge les clés d’accès. Ouvrez cette page dans un navigateur qui le fait.',
  goOn: 'Continuer',
  cancel: 'Annuler',

  signedInAs: (user) => phrase`Compte : ${user}`,
  notYou: 'Pas vous ?',

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

  forbids: 'L’administration de ce serveur ne l’autorise pas.',
  askContact: (contact) => phrase`Si vous en avez besoin, adressez-vous à ${contact}.`,
  goBack: 'Retour',

  returnToApp: 'Retournez dans votre application',
  appAllowed: (agent) => phrase`La demande de ${agent} a été autorisée.`,
  appDenied: (agent) => phrase`La demande de ${agent} a été refusée.`,
  appNext: 'Ouvrez votre application pour terminer. Vous pourrez ensuite fermer cette page.',

  help: 'Aide',
  report: 'Signaler cet agent',
  privacy: 'Confidentialité',
  language: 'Langue',

  account: frAccount,
  problems: frProblems,
  blocks: frBlocks,
  nowSignedInAs: (user) => phrase`Vous utilisez maintenant le compte ${user}`,
  continueAs: (user) => phrase`Continuer avec le compte ${user}`,
  switchAccount: 'Utiliser un autre compte',
  canRemove: 'Si vous ne vouliez pas l’autoriser, retirez son accès.',
  tryAgain: 'Réessayer',
  reference: (id) => phrase`Référence : ${id}`,
}
