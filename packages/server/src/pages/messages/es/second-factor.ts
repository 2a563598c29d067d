import type { enSecondFactor } from '../en/second-factor.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

const counted = createCounted('es')

/** The text of the pages about the second factor, in Spanish. */
export const esSecondFactor: typeof enSecondFactor = {
  name: 'Verificación en dos pasos',
  lead: 'Después de la contraseña, también introduces un código de una aplicación de tu teléfono. Así, quien averigüe tu contraseña no podrá iniciar sesión.',
  since: (day) => phrase`Activada desde el ${day}.`,
  codesLeft: (count) =>
    count === 0
      ? 'No queda ningún código de recuperación.'
      : counted(count, { one: 'Queda un código de recuperación.', other: 'Quedan # códigos de recuperación.' }),
  setUp: 'Configurar la verificación en dos pasos',
  replace: 'Usar otra aplicación u otro teléfono',
  newCodes: 'Obtener códigos de recuperación nuevos',
  newCodesEffect: 'Tus códigos de recuperación anteriores dejarán de funcionar.',
  turnOff: 'Desactivar la verificación en dos pasos',
  turnOffQuestion: '¿Desactivar la verificación en dos pasos?',
  turnOffEffect:
    'A partir de entonces bastará tu contraseña para iniciar sesión. Tus códigos de recuperación dejarán de funcionar.',
  keep: 'Dejarla activada',

  required: (server) => phrase`${server} pide a todo el mundo que la configure antes de continuar.`,
  replaceEffect: 'Cuando hayas introducido un código de la nueva aplicación, los de la anterior dejarán de funcionar.',
  scan: 'Abre una aplicación de autenticación en tu teléfono y escanea esta imagen con ella.',
  qrCode: 'Código QR con la clave que aparece debajo',
  typeKey: (key) => phrase`Si no puedes escanearla, introduce esta clave en la aplicación: ${key}`,
  openApp: 'Abrirla en una aplicación de este dispositivo',
  enterShown: 'Introduce el código que muestra la aplicación.',
  code: 'Código',
  turnOn: 'Activar',

  codesHeading: 'Guarda tus códigos de recuperación',
  codesLead:
    'Si pierdes el teléfono, puedes iniciar sesión con uno de estos códigos. Cada uno funciona una vez. Guárdalos donde nadie más los encuentre, por ejemplo, en un gestor de contraseñas o impresos en un cajón: no podemos volver a mostrarlos.',
  codesSaved: 'Los he guardado',

  stepHeading: 'Introduce un código',
  stepLead: (server) =>
    phrase`Abre tu aplicación de autenticación e introduce el código que muestra para ${server}. También puedes introducir un código de recuperación.`,
  stepPasskey: 'Para iniciar sesión en tu cuenta, también necesitas tu llave de acceso.',
  lost: '¿Has perdido el teléfono y los códigos de recuperación?',
  askToReset: (whom) => phrase`Pide a ${whom} que desactive la verificación en dos pasos de tu cuenta.`,
  proveToContinue: 'Introduce de nuevo tu contraseña y un código para continuar.',
  proveToAllow: 'Para permitirlo, introduce de nuevo tu contraseña y un código.',
  setUpToAllow:
    'Antes de poder permitirlo, tienes que configurar la verificación en dos pasos. Te llevaremos allí y después volverás aquí.',
}
