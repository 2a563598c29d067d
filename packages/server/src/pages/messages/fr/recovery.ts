import type { enRecovery } from '../en/recovery.js'
import { createNotice, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'Si c’était vous, vous n’avez rien à faire.',
  action: 'Vérifier vos paramètres de sécurité',
  otherwise:
    'Si ce n’était pas vous, quelqu’un d’autre a peut-être accès à votre compte : changez votre mot de passe et déconnectez-vous partout. Si vous ne parvenez pas à vous connecter, choisissez « Mot de passe oublié ? » sur la page de connexion.',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'Vérifier vos agents',
  otherwise:
    'Si ce n’était pas vous, quelqu’un d’autre a peut-être accès à votre compte : retirez l’agent, changez votre mot de passe et déconnectez-vous partout.',
  optOut: 'Vous pouvez désactiver ces e-mails sur la page « Compte ».',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: 'Vous n’avez rien à faire. Si vous n’utilisez plus cet agent, retirez-le.',
})

/** The text of the pages for a forgotten password and for confirming an email address, in French. */
export const frRecovery: typeof enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'Choisissez un mot de passe',
      lead: (user, server) =>
        phrase`Votre identifiant sur ${server} est ${user}. Utilisez-le désormais avec ce mot de passe pour vous connecter.`,
    },
    reset: {
      heading: 'Choisissez un nouveau mot de passe',
      lead: (user, server) => phrase`Pour le compte ${user} sur ${server}. Toutes vos sessions seront fermées.`,
    },
  },
  setPassword: 'Définir le mot de passe',
  passkeyInstead: 'Ou utilisez plutôt une clé d’accès',
  forgotHeading: 'Mot de passe oublié ?',
  forgotLead:
    'Saisissez votre identifiant. Si son adresse e-mail est confirmée, nous y enverrons un lien pour choisir un nouveau mot de passe.',
  sendLink: 'Envoyer le lien',
  forgotThrottled: 'Trop de tentatives depuis votre réseau. Réessayez plus tard.',
  checkEmail: 'Consultez vos e-mails',
  linkSent:
    'S’il existe un compte avec cet identifiant et une adresse e-mail confirmée, nous y avons envoyé un lien. Il fonctionne pendant 20 minutes.',
  noLink: (whom) =>
    phrase`Si aucun e-mail n’arrive dans les prochaines minutes, regardez dans vos courriers indésirables, ou demandez un nouveau mot de passe à ${whom}.`,
  confirmEmail: {
    heading: 'Confirmez votre adresse e-mail',
    lead: (email, server) =>
      phrase`L’adresse ${email} est-elle la vôtre pour votre compte sur ${server} ? Ne la confirmez que si vous l’y avez indiquée.`,
    action: 'Confirmer cette adresse',
  },
  emails: {
    reset: {
      subject: (server) => `Votre nouveau mot de passe pour ${server}`,
      before: (server, user) => [
        `Vous avez demandé un nouveau mot de passe pour votre compte ${user} sur ${server}.`,
        'Pour en choisir un, ouvrez ce lien dans les 20 minutes. Il ne fonctionne qu’une fois.',
      ],
      action: 'Choisir un nouveau mot de passe',
      after: [
        'Si vous n’avez pas fait cette demande, ne faites rien : votre mot de passe reste le même. Ne donnez ce lien à personne.',
      ],
    },
    confirm: {
      subject: (server) => `Confirmez votre adresse e-mail pour ${server}`,
      before: (server) => [
        `Votre adresse e-mail a été indiquée pour un compte sur ${server}.`,
        'Si c’était vous, ouvrez ce lien dans les 24 heures pour la confirmer. Nous y enverrons ensuite des liens si vous oubliez votre mot de passe.',
      ],
      action: 'Confirmer cette adresse',
      after: ['Si ce n’était pas vous, ne faites rien : l’adresse reste non confirmée.'],
    },
    password_changed: notice(
      'Votre mot de passe a été changé',
      (server, user) => `Le mot de passe de votre compte ${user} sur ${server} a été changé.`,
    ),
    passkey_added: notice(
      'Une clé d’accès a été ajoutée',
      (server, user) => `Une clé d’accès a été ajoutée à votre compte ${user} sur ${server}.`,
    ),
    passkey_removed: notice(
      'Une clé d’accès a été retirée',
      (server, user) => `Une clé d’accès a été retirée de votre compte ${user} sur ${server}.`,
    ),
    factor_added: notice(
      'Validation en deux étapes configurée',
      (server, user) =>
        `La validation en deux étapes avec une application d’authentification a été configurée pour votre compte ${user} sur ${server}.`,
    ),
    factor_removed: notice(
      'Validation en deux étapes désactivée',
      (server, user) => `La validation en deux étapes a été désactivée pour votre compte ${user} sur ${server}.`,
    ),
    email_changed: {
      ...notice(
        'Votre adresse e-mail a été changée',
        (server, user) =>
          `L’adresse e-mail de votre compte ${user} sur ${server} a été changée. Nous n’enverrons plus d’e-mails à celle-ci.`,
      ),
      after: [
        'Si ce n’était pas vous, quelqu’un d’autre a peut-être accès à votre compte : connectez-vous, changez votre mot de passe et votre adresse e-mail, puis déconnectez-vous partout.',
      ],
    },
    device_connected: {
      ...notice(
        'Un appareil a été connecté',
        (server, user) =>
          `Un appareil a été connecté à votre compte ${user} sur ${server}. Il demandera votre accord avant d’accéder à quoi que ce soit.`,
      ),
      action: 'Vérifier vos appareils',
      after: [
        'Si ce n’était pas vous, déconnectez l’appareil dans « Mes agents », car un nouveau mot de passe ne le déconnecte pas. Changez ensuite votre mot de passe et déconnectez-vous partout.',
      ],
    },
    identity_linked: notice(
      'Un fournisseur de connexion a été associé',
      (server, user) =>
        `Un compte chez un autre fournisseur a été associé à votre compte ${user} sur ${server} et permet de s’y connecter.`,
    ),
    identity_unlinked: notice(
      'Un fournisseur de connexion a été retiré',
      (server, user) =>
        `Un fournisseur avec lequel vous pouviez vous connecter a été retiré de votre compte ${user} sur ${server}.`,
    ),
    agent_allowed: agentNotice(
      'Un nouvel agent a été autorisé',
      (server, user, about) =>
        `L’agent ${about.agent} a obtenu l’accès à ${about.resource} avec votre compte ${user} sur ${server}.`,
    ),
    agent_blocked: blockNotice(
      'Un agent a été bloqué',
      (server, user, about) =>
        `L’administration de ${server} a bloqué l’agent ${about.agent}. Il ne peut obtenir aucun nouvel accès avec votre compte ${user}.`,
    ),
    new_device: notice(
      'Nouvelle connexion',
      (server, user) =>
        `Quelqu’un s’est connecté à votre compte ${user} sur ${server} avec un navigateur que nous ne connaissons pas encore.`,
    ),
  },
}
