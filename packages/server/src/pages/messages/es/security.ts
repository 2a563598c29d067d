import type { enDevices, enSecondFactor } from '../en/security.js'
import { createCounted } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about a user's devices, in Spanish. */
export const esDevices: typeof enDevices = {
  heading: 'Mis dispositivos',
  lead: 'Estos dispositivos actúan por ti con su propia clave. Si desconectas uno, todo su acceso termina de inmediato. Durante una hora como máximo, ese dispositivo aún podrá demostrar su propia identidad.',
  connectedOn: (moment) => phrase`Conectado el ${moment}.`,
  lastUsedOn: (moment) => phrase`Último uso el ${moment}.`,
  lastUsedFrom: (moment, address) => phrase`Último uso el ${moment} desde ${address}.`,
  endsOn: (moment) => phrase`Se conectó con un código y termina por sí solo el ${moment}.`,
  stays: 'Se mantiene hasta que lo desconectes.',
  disconnect: 'Desconectar',
  noAccess: 'Ningún agente tiene acceso a nada. Tus dispositivos te preguntan antes de obtener acceso.',

  connect: 'Conectar este equipo',
  signIn: 'Inicia sesión para conectar un dispositivo a tu cuenta.',
  question: '¿Acabas de iniciar esto en este equipo?',
  questionElsewhere: '¿Acabas de iniciar esto en ese dispositivo?',
  answersTo: (device, port) =>
    phrase`Tu respuesta se envía a tu dispositivo ${device} a través de este equipo (puerto ${port}). Si la página siguiente no se carga, copia su dirección en el terminal de ese dispositivo, y en ningún otro sitio.`,
  comesFrom: (name) => phrase`Esta solicitud procede de tu dispositivo ${name}, que conectaste a esta cuenta.`,
  asks: (device) =>
    phrase`Un programa que llama a este equipo ${device} quiere actuar por ti desde ahora. Aun así, tendrá que preguntarte antes de acceder a cualquier cosa.`,
  asked: 'Qué se va a conectar',
  account: 'Cuenta',
  device: 'Dispositivo',
  network: 'Red',
  time: 'Fecha y hora',
  unchecked: 'El programa eligió el nombre del dispositivo. No lo hemos comprobado.',
  notYou: 'Si te ha traído aquí un mensaje, un sitio web u otra persona, elige «No».',
  no: 'No',
  yes: 'Sí, conectarlo',
  tooMany: 'Tienes tantos dispositivos como permite este servidor. Desconecta antes uno en «Mis agentes».',

  goBack: 'Volver al terminal',
  connected: 'Se está conectando este equipo. Puedes cerrar esta página y volver al terminal.',
  denied: 'No se ha conectado nada. Puedes cerrar esta página.',

  codeHeading: 'Conectar un dispositivo con un código',
  codeLead:
    'Para un equipo sin navegador, como uno al que accedes por ssh. Funciona durante un día, y no puede eliminar, gastar ni tomar el control total.',
  codeWarning:
    'Escribe el código solo en tu propio terminal. No lo compartas nunca, ni lo escribas nunca donde otra persona te diga: quien lo tenga puede actuar por ti.',
  getCode: 'Obtener un código',
  typeCode: (moment) =>
    phrase`Escribe este código en el terminal que lo ha pedido. Funciona una sola vez, hasta las ${moment}.`,
  typed: 'Ya lo he escrito',
  notTyped: 'Aún no ha enviado este código ningún dispositivo. Escríbelo en el terminal y continúa aquí después.',
  compare: (device, account) =>
    phrase`Un dispositivo que dice llamarse ${device} ha enviado el código, para actuar por ${account}. ¿Has escrito tú el código en él, y muestra este número?`,
  claimedWarning:
    '¿Le has dicho el código a alguien, aunque sea del servicio técnico? En ese caso, elige «No»: así no tendrá acceso.',
  same: 'Sí, lo escribí yo; mismo número',
  confirmed: (device) =>
    phrase`Se está conectando tu dispositivo ${device}. Puedes cerrar esta página y volver al terminal.`,
  afterConfirmed:
    'Aún no tiene acceso a nada: te preguntará cada vez que necesite algo nuevo. Al cabo de un día, termina por sí solo. Hasta entonces, puedes desconectarlo aquí.',
  codeEnded: 'El código ya no funciona. Obtén otro si aún lo necesitas.',
}

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
