import type { enDevices } from '../en/devices.js'
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

  connect: 'Connecter cet ordinateur',
  question: 'Venez-vous de lancer ceci sur cet ordinateur ?',
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
    phrase`Un appareil qui se présente sous le nom ${device} a envoyé le code, pour agir au nom de ${account}. Votre terminal affiche-t-il ce nombre ?`,
  same: 'Oui, le même nombre',
  codeEnded: 'Le code ne fonctionne plus. Obtenez-en un autre si vous en avez encore besoin.',
}
