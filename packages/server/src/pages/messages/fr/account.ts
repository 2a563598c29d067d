import type { enAccount } from '../en/account.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'
import { frDevices } from './security.js'

const [counted, duration] = [createCounted('fr'), createDuration('fr')]

/** The text of the account pages, in French. */
export const frAccount: typeof enAccount = {
  navigation: 'Votre compte',
  sections: { agents: 'Mes agents', activity: 'Activité', security: 'Sécurité', yours: 'Compte' },
  signOut: 'Se déconnecter',

  agentsLead: 'Ces agents peuvent agir pour vous. Vous pouvez retirer chacun d’eux à tout moment.',
  noAgents: 'Vous n’avez aucun agent.',
  noAgentsYet: 'Les agents que vous autorisez apparaissent ici, et vous pouvez les retirer ici.',
  moreAgents: 'Les agents qui peuvent agir pour vous sont trop nombreux pour cette page.',
  agentPages: 'Autres agents',
  morePermissions: (count) => counted(count, { one: 'et # autre autorisation', other: 'et # autres autorisations' }),
  filter: 'Rechercher un agent',
  find: 'Rechercher',
  found: (shown, total) => `${shown} sur ${counted(total, { one: '# agent', many: '# d’agents', other: '# agents' })}.`,
  showAll: 'Tout afficher',
  actsAt: (resource) => phrase`a accès à ${resource}`,
  withAccount: (name) => phrase`avec votre compte ${name} dans ce service`,
  signsIn: 'vous connecte avec votre compte ici',
  blocked: {
    agent: 'L’administration a bloqué cet agent : il ne peut obtenir aucun nouvel accès.',
    host: 'L’administration a bloqué tous les agents de ce site : celui-ci ne peut obtenir aucun nouvel accès.',
  },
  signsRequests: 'personne d’autre ne peut utiliser son accès',
  worksForCopies: 'toute personne qui copie son accès peut l’utiliser',
  hasChanged: 'Ce qu’il publie sur lui-même a changé depuis que vous l’avez autorisé.',
  ofAgent: (agent, resource) => phrase`de ${agent} à ${resource}`,
  agentHeading: (agent, resource) => phrase`${agent} sur ${resource}`,
  onlyOnce: (call) => phrase`Vous n’avez autorisé que ceci, une seule fois : ${call}.`,
  allowedOn: (day) => phrase`Autorisé le ${day}.`,
  lastUsedOn: (day) => phrase`Dernière utilisation le ${day}.`,
  notUsedYet: 'Pas encore utilisé.',
  unused: 'Pas utilisé depuis 90 jours. Si vous n’en avez plus besoin, retirez son accès.',
  until: (moment) => phrase`jusqu’au ${moment}`,
  endsOn: (day) => phrase`Prend fin le ${day}.`,
  endsWhenRemoved: 'Reste jusqu’à ce que vous le retiriez.',
  isAble: 'Cet agent peut',
  wasAble: 'Cet agent pouvait',
  noLonger: (agent, resource) => phrase`${agent} n’a plus accès à ${resource}.`,
  noLongerSignsIn: (agent) => phrase`${agent} ne peut plus vous connecter.`,
  ended: {
    person: (moment) => phrase`Vous avez retiré son accès le ${moment}.`,
    server: (moment) => phrase`L’administration a retiré son accès le ${moment}.`,
    time: (moment) => phrase`Son accès a pris fin le ${moment}.`,
  },
  latestActivity: 'Activité récente',

  remove: 'Retirer l’accès',
  removeTitle: (agentHost) => `Retirer ${agentHost} ?`,
  removeQuestion: (agent) => phrase`Retirer l’accès de ${agent} ?`,
  removeEffect: (agent, resource) => phrase`${agent} n’aura plus accès à ${resource}.`,
  removeSignIn: (agent) => phrase`${agent} ne pourra plus vous connecter.`,
  removeAccount: (name) => phrase`Seul son accès avec votre compte ${name} dans ce service prend fin.`,
  removeStops: (seconds) =>
    `Aucun nouvel accès ne sera donné à partir de maintenant. L’accès déjà donné peut encore fonctionner pendant ${duration(seconds)} au maximum.`,
  removePermission: 'Retirer l’autorisation',
  removePermissionTitle: (agentHost) => `Retirer une autorisation à ${agentHost} ?`,
  removePermissionQuestion: (agent) => phrase`Retirer cette autorisation à ${agent} ?`,
  removePermissionEffect: (agent) => phrase`${agent} ne pourra plus faire cela. Ses autres autorisations restent.`,
  removeEntirely: 'Retirer complètement l’agent',
  removeEntirelyEffect: (agent) =>
    phrase`${agent} n’agit que pour vous. Si vous le retirez complètement, il perd tout accès, à tous les services, et n’agit plus pour personne.`,
  told: {
    pending: (resource) =>
      phrase`Nous demandons en ce moment à ${resource} de ne plus accepter ce que l’agent détient encore.`,
    delivered: (resource) =>
      phrase`Nous avons demandé à ${resource} de ne plus accepter ce que l’agent détenait, et ce service a confirmé la réception du message.`,
    unsupported: (resource) =>
      phrase`Il n’est pas possible de prévenir ${resource} ; ce que l’agent y détient fonctionne donc jusqu’à son expiration.`,
    failed: (resource) =>
      phrase`Nous n’avons pas pu joindre ${resource} ; ce que l’agent y détient fonctionne donc jusqu’à son expiration.`,
    expired: (resource) => phrase`Ce que l’agent détenait sur ${resource} a expiré de lui-même.`,
  },
  removeKeeps:
    'Cela n’annule pas ce qu’il a déjà fait. Si vous en avez à nouveau besoin, recommencez à partir de l’agent.',
  extendIt: 'Prolonger',
  extendQuestion: (agent) => phrase`Laisser ${agent} faire cela plus longtemps ?`,
  countsFromNow: 'La durée court à partir de maintenant.',
  extended: 'Autorisation prolongée. Vous voyez ci-dessous quand elle prendra fin.',
  keep: 'Garder',
  removedTitle: 'Accès retiré',
  removed: (stopped, runsOut) =>
    phrase`Accès retiré. Aucun nouvel accès n’est donné depuis ${stopped} ; l’accès existant prend fin au plus tard à ${runsOut}.`,
  removedTold: (stopped, runsOut) =>
    phrase`Accès retiré. Aucun nouvel accès n’est donné depuis ${stopped}. Nous demandons en ce moment aux services de ne plus accepter ce que l’agent détient encore ; vous pouvez voir ci-dessous si chacun d’eux a reçu le message. Si l’un d’eux ne l’a pas reçu, l’accès existant y prend fin au plus tard à ${runsOut}.`,
  withoutAccess: 'Agents sans accès',
  stillBound:
    'Il n’agit pour personne d’autre : s’il fait une nouvelle demande, personne d’autre que vous ne peut l’autoriser.',
  removeAll: 'Retirer tous les agents',
  removeAllQuestion: 'Retirer l’accès de tous les agents ?',
  removeAllEffect: (count) =>
    counted(count, {
      one: 'Cet agent n’aura plus d’accès :',
      many: 'Ces # d’agents n’auront plus d’accès :',
      other: 'Ces # agents n’auront plus d’accès :',
    }),
  moreRemoved: 'Et d’autres qui ne tiennent pas sur cette page.',
  removeAllYes: 'Tout retirer',
  keepAll: 'Garder',

  activityLead:
    'Ce qui s’est passé avec votre compte et vos agents. Si vous voyez quelque chose qui ne vient pas de vous, changez votre mot de passe.',
  noActivity: 'Il ne s’est encore rien passé.',
  pages: 'Autres activités',
  newer: 'Plus récent',
  older: 'Plus ancien',
  agentEvents: {
    allowed_once: (agent, resource, call) =>
      phrase`Vous avez autorisé ${agent} à faire ceci sur ${resource}, juste une fois : ${call}.`,
    allowed: (agent, resource) => phrase`Vous avez donné à ${agent} l’accès à ${resource}.`,
    denied: (agent, resource) => phrase`Vous avez refusé à ${agent} l’accès à ${resource}.`,
    remembered: (agent, resource) =>
      phrase`${agent} a demandé à nouveau un accès à ${resource} que vous aviez déjà donné. Nous ne vous avons pas redemandé votre accord.`,
    used: (agent, resource) => phrase`${agent} a utilisé son accès à ${resource}.`,
    removed: (agent, resource) => phrase`Vous avez retiré l’accès à ${resource} pour ${agent}.`,
    removed_by_server: (agent, resource) => phrase`L’administration a retiré l’accès à ${resource} pour ${agent}.`,
    blocked_by_server: (agent) => phrase`L’administration a bloqué ${agent} : il ne peut obtenir aucun nouvel accès.`,
    permission_extended: (agent, resource, names) =>
      phrase`Vous avez prolongé l’accès de ${agent} à ${resource} : ${names}.`,
    permission_removed: (agent, resource, names) =>
      phrase`Vous avez retiré des autorisations à ${agent} pour ${resource} : ${names}.`,
  },
  signInEvents: {
    allowed_once: (agent, call) =>
      phrase`Vous avez autorisé ${agent} à faire ceci dans son propre service, juste une fois : ${call}.`,
    allowed: (agent) => phrase`Vous avez autorisé ${agent} à vous connecter.`,
    denied: (agent) => phrase`Vous avez refusé que ${agent} vous connecte.`,
    remembered: (agent) =>
      phrase`${agent} a demandé à nouveau à vous connecter, ce que vous aviez déjà autorisé. Nous ne vous avons pas redemandé votre accord.`,
    used: (agent) => phrase`Connexion effectuée par ${agent}.`,
    removed: (agent) => phrase`Vous avez retiré à ${agent} l’autorisation de vous connecter.`,
    removed_by_server: (agent) => phrase`L’administration a retiré à ${agent} l’autorisation de vous connecter.`,
    blocked_by_server: (agent) => phrase`L’administration a bloqué ${agent} : il ne peut obtenir aucun nouvel accès.`,
    permission_extended: (agent, names) =>
      phrase`Vous avez prolongé l’accès de ${agent} à son propre service : ${names}.`,
    permission_removed: (agent, names) =>
      phrase`Vous avez retiré des autorisations à ${agent} pour son propre service : ${names}.`,
  },
  accountEvents: {
    signed_up: 'Compte créé.',
    signed_in: 'Connexion à votre compte.',
    sign_in_failed: 'Tentative de connexion échouée.',
    signed_out: 'Déconnexion de votre compte.',
    session_ended: 'Vous avez déconnecté un autre appareil.',
    session_displaced: 'Votre plus ancienne session a pris fin, car vous en aviez ouvert sur trop d’appareils.',
    signed_out_everywhere: 'Vous avez fermé toutes vos sessions.',
    session_ended_by_server: 'Un administrateur a déconnecté l’un de vos appareils.',
    signed_out_others: 'Vous avez déconnecté tous les autres appareils.',
    signed_out_by_server: 'Un administrateur vous a déconnecté partout.',
    password_changed_by_server: 'Un administrateur a défini un nouveau mot de passe.',
    provider_added: 'Un autre moyen de connexion a été associé à votre compte.',
    provider_removed: 'Vous avez retiré un fournisseur de connexion.',
    edited: 'Votre nom ou votre adresse e-mail a été changé.',
    edited_by_server: 'Un administrateur a changé votre nom ou votre adresse e-mail.',
    email_confirmed: 'Vous avez confirmé votre adresse e-mail.',
    link_created: 'Un lien pour définir votre mot de passe a été créé.',
    password_changed: 'Vous avez changé votre mot de passe.',
    passkey_added: 'Vous avez ajouté une clé d’accès.',
    passkey_removed: 'Vous avez retiré une clé d’accès.',
    passkey_removed_by_server: 'L’administration a retiré une clé d’accès.',
    factor_added: 'Vous avez configuré la validation en deux étapes.',
    factor_removed: 'Vous avez désactivé la validation en deux étapes.',
    factor_removed_by_server: 'L’administration a désactivé la validation en deux étapes.',
    recovery_codes_replaced: 'Vous avez obtenu de nouveaux codes de récupération.',
    recovery_code_used: 'Vous avez utilisé un code de récupération.',
    downloaded: 'Vous avez téléchargé vos données.',
  },
  notices: {
    password_changed: 'Votre mot de passe a été changé. Toutes vos autres sessions sont fermées.',
    passkey_added: 'La clé d’accès a été ajoutée.',
    passkey_removed: 'La clé d’accès a été retirée.',
    passkey_failed: 'La clé d’accès n’a pas été ajoutée. Réessayez.',
    factor_removed: 'La validation en deux étapes est désactivée.',
    session_ended: 'Cet appareil est déconnecté.',
    others_ended: 'Tous les autres appareils sont déconnectés.',
  },
  passwordLead: 'Changez-le si vous pensez que quelqu’un d’autre le connaît.',
  changePassword: 'Changer le mot de passe',
  changePasswordEffect: 'Votre session ici reste ouverte. Toutes les autres seront fermées.',
  currentPassword: 'Mot de passe actuel',
  passwordProblems: {
    wrong_password: 'Votre mot de passe actuel est incorrect. Réessayez.',
    throttled: 'Trop de tentatives. Patientez quelques minutes, puis réessayez.',
    new_password_too_short: 'Le nouveau mot de passe est trop court. Choisissez-en un plus long.',
    new_password_too_long: 'Le nouveau mot de passe est trop long. Choisissez-en un plus court.',
    new_password_common:
      'Beaucoup de gens utilisent ce mot de passe, il est donc facile à deviner. Choisissez-en un autre.',
    new_password_same: 'C’est votre mot de passe actuel. Choisissez-en un autre.',
  },
  passkeys: 'Clés d’accès',
  passkeysLead:
    'Une clé d’accès vous permet de vous connecter avec votre empreinte digitale, votre visage ou le verrouillage d’écran de votre appareil.',
  addedOn: (day) => phrase`Ajoutée le ${day}.`,
  removeIt: 'Retirer',
  passkeyName: 'Nom de la clé d’accès (par exemple, « Mon ordinateur portable »)',
  addPasskey: 'Ajouter une clé d’accès',
  withoutPasskeys:
    'Pour ajouter une clé d’accès, utilisez un navigateur qui les prend en charge, avec JavaScript activé.',
  removePasskey: 'Retirer la clé d’accès',
  removePasskeyQuestion: (name) => phrase`Retirer la clé d’accès ${name} ?`,
  removePasskeyEffect: 'Vous ne pourrez plus l’utiliser pour vous connecter. Retirez-la aussi de votre appareil.',
  sessions: 'Vos sessions ouvertes',
  sessionsLead: 'Si vous ne reconnaissez pas l’un de ces appareils, déconnectez-le et changez votre mot de passe.',
  unknownDevice: 'Appareil inconnu',
  thisDevice: 'Cet appareil',
  signedInOn: (moment) => phrase`Connexion le ${moment}.`,
  lastSeenOn: (moment) => phrase`Dernière activité le ${moment}.`,
  endIt: 'Déconnecter',
  endOthers: 'Déconnecter tous les autres appareils',
  signOutEverywhere: 'Se déconnecter partout',
  signOutEverywhereEffect: 'Y compris sur cet appareil. Vos agents gardent leur accès.',

  devices: frDevices,
  yours: 'Votre compte',
  providers: 'Fournisseurs de connexion',
  providersLead: 'Vous pouvez vous connecter ici avec votre compte chez ces fournisseurs.',
  removeProvider: 'Retirer le fournisseur',
  removeProviderQuestion: (name) => phrase`Ne plus se connecter avec ${name} ?`,
  removeProviderEffect: 'Vous ne pourrez plus vous connecter ici avec votre compte chez ce fournisseur.',
  providerRemoved: 'Le fournisseur a été retiré.',
  providerOnlyWay: 'C’est votre seul moyen de connexion. Ajoutez d’abord une clé d’accès.',
  aboutYou: 'Votre nom et votre adresse e-mail',
  aboutYouLead:
    'Les agents ne les connaissent que si vous l’autorisez. La page où vous décidez vous montre ce qu’ils apprendraient.',
  name: 'Nom',
  saveName: 'Enregistrer le nom',
  changeEmail: 'Changer d’adresse e-mail',
  changeEmailLead:
    'Nous enverrons un lien à la nouvelle adresse. Elle remplacera l’ancienne quand vous ouvrirez le lien et la confirmerez.',
  emailInvalid: 'Ce n’est pas une adresse e-mail. Vérifiez-la et réessayez.',
  emailStates: { confirmed: 'confirmée', unconfirmed: 'non confirmée' },
  confirmEmail: 'Confirmez votre adresse e-mail',
  confirmEmailLead:
    'Si vous oubliez votre mot de passe, nous pouvons y envoyer un lien, mais seulement une fois que vous avez confirmé l’adresse.',
  confirmEmailYes: 'M’envoyer un e-mail',
  agentEmails: {
    heading: 'E-mails sur les agents',
    on: {
      lead: 'Nous vous envoyons un e-mail quand vous autorisez un agent pour la première fois ou qu’un agent est bloqué.',
      change: 'Désactiver ces e-mails',
    },
    off: {
      lead: 'Nous ne vous envoyons pas d’e-mail quand vous autorisez un agent pour la première fois ou qu’un agent est bloqué.',
      change: 'Activer ces e-mails',
    },
    always: 'Les e-mails sur votre connexion et vos appareils sont toujours envoyés.',
  },
  emailRequested: 'Nous vous envoyons un e-mail avec un lien. Ouvrez-le pour confirmer votre adresse.',
  madeOn: 'Créé le',
  download: 'Vos données',
  downloadLead:
    'Obtenez un fichier avec les données que nous conservons sur vous : votre compte, vos agents et votre activité.',
  downloadYes: 'Télécharger',
  close: 'Fermer le compte',
  closeLead: 'Cela met fin à votre compte et à l’accès de tous vos agents.',
  closeQuestion: 'Fermer votre compte définitivement ?',
  closeEffect: 'Vous ne pourrez pas revenir en arrière.',
  closeRemoves: (count) =>
    counted(count, {
      one: '# agent perd son accès.',
      many: '# d’agents perdent leur accès.',
      other: '# agents perdent leur accès.',
    }),
  closeForgets: 'Vous ne pourrez plus vous connecter.',
  closeYes: 'Fermer le compte',
  keepAccount: 'Garder mon compte',
  left: {
    signed_out: {
      heading: 'Votre session est fermée',
      explanation: 'Les agents que vous avez autorisés continuent de fonctionner jusqu’à ce que vous les retiriez.',
    },
    signed_out_everywhere: {
      heading: 'Toutes vos sessions sont fermées',
      explanation: 'Les agents que vous avez autorisés continuent de fonctionner jusqu’à ce que vous les retiriez.',
    },
    email_confirmed: {
      heading: 'Votre adresse e-mail est confirmée',
      explanation: 'Si vous oubliez votre mot de passe, nous pouvons y envoyer un lien.',
    },
    password_set: {
      heading: 'Votre mot de passe est défini',
      explanation: 'Utilisez-le pour vous connecter et continuer.',
    },
    passkey_set: {
      heading: 'Votre clé d’accès est configurée',
      explanation: 'Utilisez-la pour vous connecter et continuer.',
    },
    account_closed: {
      heading: 'Votre compte est fermé',
      explanation: 'Vos agents ne peuvent obtenir aucun nouvel accès.',
    },
  },
}
