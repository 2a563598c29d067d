import type { enDevices, enSecondFactor } from '../en/security.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about a user's devices, in French. */
export const frDevices: typeof enDevices = {
  heading: 'Mes appareils',
  lead: 'Ces appareils agissent pour vous avec leur propre clé. Si vous en déconnectez un, tous ses accès prennent fin immédiatement. Pendant une heure au maximum, il peut encore indiquer qui il est.',
  connectedOn: (moment) => phrase`Connecté le ${moment}.`,
  lastUsedOn: (moment) => phrase`Dernière utilisation le ${moment}.`,
  lastUsedFrom: (moment, address) => phrase`Dernière utilisation le ${moment} depuis ${address}.`,
  endsOn: (moment) => phrase`Il a été connecté avec un code et prend fin de lui-même le ${moment}.`,
  stays: 'Il reste jusqu’à ce que vous le déconnectiez.',
  disconnect: 'Déconnecter',
  noAccess: 'Aucun agent n’a accès à quoi que ce soit. Vos appareils demandent votre accord avant d’obtenir un accès.',

  connect: 'Connecter cet ordinateur',
  signIn: 'Identifiez-vous pour connecter un appareil à votre compte.',
  question: 'Venez-vous de lancer ceci sur cet ordinateur ?',
  questionElsewhere: 'Venez-vous de lancer ceci sur l’appareil indiqué ?',
  answersTo: (device, port) =>
    phrase`Votre réponse est envoyée à votre appareil ${device} en passant par cet ordinateur (port ${port}). Si la page suivante ne se charge pas, copiez son adresse dans le terminal de cet appareil, et nulle part ailleurs.`,
  comesFrom: (name) => phrase`Cette demande vient de votre appareil ${name}, que vous avez connecté à ce compte.`,
  asks: (device) =>
    phrase`Un programme qui appelle cet ordinateur ${device} souhaite agir pour vous à partir de maintenant. Il devra quand même demander votre accord avant d’accéder à quoi que ce soit.`,
  asked: 'Ce qui va être connecté',
  account: 'Compte',
  device: 'Appareil',
  network: 'Réseau',
  time: 'Date et heure',
  unchecked: 'Le programme a choisi le nom de l’appareil. Nous ne l’avons pas vérifié.',
  notYou: 'Si un message, un site web ou quelqu’un d’autre est à l’origine de votre venue ici, choisissez « Non ».',
  no: 'Non',
  yes: 'Oui, le connecter',
  tooMany: 'Vous avez autant d’appareils que ce serveur le permet. Déconnectez-en d’abord un dans « Mes agents ».',

  goBack: 'Retourner au terminal',
  connected: 'La connexion de cet ordinateur est en cours. Vous pouvez fermer cette page et retourner au terminal.',
  denied: 'Rien n’a été connecté. Vous pouvez fermer cette page.',

  codeHeading: 'Connecter un appareil avec un code',
  codeLead:
    'Pour un ordinateur sans navigateur, par exemple un ordinateur auquel vous accédez par ssh. L’accès dure un jour et ne permet ni de supprimer, ni de dépenser, ni de prendre le contrôle total.',
  codeWarning:
    'Saisissez le code uniquement dans votre propre terminal. Ne le communiquez jamais, et ne le saisissez jamais là où quelqu’un d’autre vous le demande : toute personne qui le possède peut agir pour vous.',
  getCode: 'Obtenir un code',
  typeCode: (moment) =>
    phrase`Saisissez ce code dans le terminal qui l’a demandé. Il fonctionne une seule fois, jusqu’à ${moment}.`,
  typed: 'Je l’ai saisi',
  notTyped: 'Aucun appareil n’a encore envoyé ce code. Saisissez-le dans le terminal, puis continuez ici.',
  compare: (device, account) =>
    phrase`Un appareil qui se présente sous le nom ${device} a envoyé le code, pour agir au nom de ${account}. Avez-vous saisi vous-même le code sur cet appareil, et affiche-t-il ce nombre ?`,
  claimedWarning:
    'Avez-vous donné le code à quelqu’un, même à un service d’assistance ? Dans ce cas, choisissez « Non » : cette personne n’aura aucun accès.',
  same: 'Oui, je l’ai saisi moi-même ; même nombre',
  confirmed: (device) =>
    phrase`La connexion de votre appareil ${device} est en cours. Vous pouvez fermer cette page et retourner au terminal.`,
  afterConfirmed:
    'Il n’a encore accès à rien : il vous demandera votre accord chaque fois qu’il aura besoin d’un nouvel accès. Il prend fin de lui-même au bout d’un jour. D’ici là, vous pouvez le déconnecter ici.',
  codeEnded: 'Le code ne fonctionne plus. Obtenez-en un autre si vous en avez encore besoin.',
}

const counted = createCounted('fr')

/** The text of the pages about the second factor, in French. */
export const frSecondFactor: typeof enSecondFactor = {
  name: 'Validation en deux étapes',
  lead: 'Après votre mot de passe, vous saisissez aussi un code affiché par une application sur votre téléphone. Une personne qui découvre votre mot de passe ne peut donc pas se connecter.',
  since: (day) => phrase`Activée depuis le ${day}.`,
  codesLeft: (count) =>
    count === 0
      ? 'Il ne reste aucun code de récupération.'
      : counted(count, { one: 'Il reste un code de récupération.', other: 'Il reste # codes de récupération.' }),
  setUp: 'Configurer la validation en deux étapes',
  replace: 'Utiliser une autre application ou un autre téléphone',
  newCodes: 'Obtenir de nouveaux codes de récupération',
  newCodesEffect: 'Vos anciens codes de récupération ne fonctionneront plus.',
  turnOff: 'Désactiver la validation en deux étapes',
  turnOffQuestion: 'Désactiver la validation en deux étapes ?',
  turnOffEffect:
    'Votre mot de passe suffira alors pour vous connecter. Vos codes de récupération ne fonctionneront plus.',
  keep: 'La garder activée',

  required: (server) => phrase`${server} demande à tout le monde de la configurer avant de continuer.`,
  replaceEffect:
    'Une fois que vous aurez saisi un code de la nouvelle application, ceux de l’ancienne ne fonctionneront plus.',
  scan: 'Ouvrez une application d’authentification sur votre téléphone et scannez cette image.',
  qrCode: 'Code QR contenant la clé indiquée ci-dessous',
  typeKey: (key) => phrase`Si vous ne pouvez pas la scanner, saisissez cette clé dans l’application : ${key}`,
  openApp: 'L’ouvrir dans une application sur cet appareil',
  enterShown: 'Saisissez le code affiché par l’application.',
  code: 'Code',
  turnOn: 'Activer',

  codesHeading: 'Conservez vos codes de récupération',
  codesLead:
    'Si vous perdez votre téléphone, vous pourrez vous connecter avec l’un de ces codes. Chacun fonctionne une seule fois. Gardez-les là où personne d’autre ne les trouvera, par exemple dans un gestionnaire de mots de passe ou imprimés dans un tiroir : nous ne pourrons plus les afficher.',
  codesSaved: 'Je les ai conservés',

  stepHeading: 'Saisissez un code',
  stepLead: (server) =>
    phrase`Ouvrez votre application d’authentification et saisissez le code qu’elle affiche pour ${server}. Vous pouvez aussi saisir un code de récupération.`,
  stepPasskey: 'Pour vous connecter à votre compte, il vous faut aussi votre clé d’accès.',
  lost: 'Téléphone et codes de récupération perdus ?',
  askToReset: (whom) => phrase`Demandez à ${whom} de désactiver la validation en deux étapes pour votre compte.`,
  proveToContinue: 'Saisissez à nouveau votre mot de passe et un code pour continuer.',
  proveToAllow: 'Pour autoriser, saisissez à nouveau votre mot de passe et un code.',
  setUpToAllow:
    'Avant de pouvoir autoriser cela, vous devez configurer la validation en deux étapes. Nous vous y conduisons, puis vous reviendrez ici.',
}
