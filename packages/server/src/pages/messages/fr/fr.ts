import type { en } from '../en/en.js'
import { createCounted, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { frAccount } from './account.js'
import { frBlocks, frConsent } from './consent.js'
import { frProblems } from './problems.js'
import { frRecovery } from './recovery.js'
import { frSecondFactor } from './security.js'

const counted = createCounted('fr')

/** The text of the pages, in French. */
export const fr: typeof en = {
  lang: 'fr',
  dir: 'ltr',
  languageName: 'Français',

  ...createFormats('fr'),

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
  signInByMessage: (host) =>
    phrase`Est-ce un e-mail ou un message qui vous amène ici ? Alors, ne vous connectez pas sur cette page : ouvrez ${host} vous-même.`,
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

  ...frConsent,

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
