import type { enDevices } from '../en/devices.js'
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

  connect: 'Conectar este equipo',
  question: '¿Acabas de iniciar esto en este equipo?',
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
    phrase`Un dispositivo que dice llamarse ${device} ha enviado el código, para actuar por ${account}. ¿Muestra tu terminal este número?`,
  same: 'Sí, el mismo número',
  codeEnded: 'El código ya no funciona. Obtén otro si aún lo necesitas.',
}
