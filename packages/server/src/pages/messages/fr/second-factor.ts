import type { enSecondFactor } from '../en/second-factor.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

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
