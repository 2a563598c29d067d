import type { en } from '../en/en.js'
import { createCounted, createDuration, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { esAccount } from './account.js'
import { esBlocks } from './blocks.js'
import { esProblems } from './problems.js'
import { esRecovery } from './recovery.js'
import { esSecondFactor } from './security.js'

const [counted, duration] = [createCounted('es'), createDuration('es')]

/** The text of the pages, in Spanish. */
export const es: typeof en = {
  lang: 'es',
  dir: 'ltr',
  languageName: 'Español',

  ...createFormats('es'),
  duration,

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: ': ',
  sentences: createJoin(' '),
  errorTitle: (title) => `Error: ${title}`,
  theAgent: 'este agente',
  quoted: (words) => phrase`«${words}»`,

  signIn: 'Iniciar sesión',
  signInHeading: (server) => phrase`Inicia sesión en ${server}`,
  signInReason: (agent, resource) => phrase`${agent} solicita acceso a ${resource}.`,
  signInByLink: (agent, resource) =>
    phrase`Según el enlace que te ha traído aquí, ${agent} solicita acceso a ${resource}. Lo comprobaremos cuando inicies sesión.`,
  signInByUnnamed: (resource) =>
    phrase`Según el enlace que te ha traído aquí, un agente solicita acceso a ${resource}. Lo comprobaremos cuando inicies sesión.`,
  signInByUnnamedForAny:
    'Según el enlace que te ha traído aquí, un agente solicita acceso. Lo comprobaremos cuando inicies sesión.',
  signInForAgent: (agent) => phrase`${agent} solicita iniciar tu sesión con la cuenta que tienes aquí.`,
  signInNext: 'Inicia sesión para ver qué pide. No se permitirá nada nuevo hasta que tú lo digas.',
  userName: 'Nombre de usuario',
  password: 'Contraseña',
  passwordAddress: (host) => phrase`Escríbela solo si la dirección de esta página empieza por ${host}.`,
  passwordStays: (server, agent) => phrase`Solo ${server} ve tu contraseña, nunca ${agent}.`,
  signInProblems: {
    wrong_password: 'Ese nombre de usuario y esa contraseña no funcionan aquí. Compruébalos e inténtalo de nuevo.',
    throttled:
      'Demasiados intentos. Inténtalo más tarde o usa un navegador con el que ya hayas iniciado sesión. Si es urgente, pide a la administración de este servidor que desbloquee tu cuenta.',
    provider_failed: 'Ese inicio de sesión no ha funcionado. Inténtalo de nuevo o inicia sesión de otra forma.',
    provider_denied: 'Ese inicio de sesión se ha cancelado. No ha cambiado nada.',
    provider_expired: 'Ese inicio de sesión ha tardado demasiado. Inténtalo de nuevo.',
    provider_not_fresh:
      'Tienes que volver a iniciar sesión, y ese servicio no ha confirmado que lo hayas hecho. Cierra allí la sesión e inténtalo de nuevo, o inicia sesión de otra forma.',
    step_expired: 'Has tardado demasiado. Vuelve a iniciar sesión.',
    account_disabled: 'Tu cuenta en este servidor está desactivada. Consulta a la administración de este servidor.',
    passkey_failed:
      'El inicio de sesión con esa llave de acceso no ha funcionado. Inténtalo de nuevo o inicia sesión de otra forma.',
  },
  forgotPassword: '¿Has olvidado la contraseña?',
  askForPassword: (whom) => phrase`Pide una nueva a ${whom}.`,
  administrator: 'la administración de este servidor',
  passwordProblems: {
    passkey_failed: 'Esa llave de acceso no ha funcionado. Inténtalo de nuevo.',
    wrong_password: 'Esa contraseña no es correcta. Inténtalo de nuevo.',
    wrong_code: 'Ese código no es correcto o ya se ha usado. Espera al siguiente e inténtalo de nuevo.',
    throttled: 'Demasiados intentos. Espera unos minutos e inténtalo de nuevo.',
  },
  showPassword: 'Mostrar la contraseña',
  showPasswords: 'Mostrar las dos contraseñas',
  signInToAccount: 'Inicia sesión para ver los agentes a los que has dado permiso.',
  signInAgain: {
    request: 'Pide algo arriesgado, como eliminar cosas o gastar dinero. Vuelve a iniciar sesión antes de decidir.',
    login: 'Pide que vuelvas a iniciar sesión antes de decidir.',
    security: 'Para continuar, vuelve a iniciar sesión.',
  },
  otherWays: 'Otras formas de iniciar sesión',
  signInWith: (provider) => phrase`Iniciar sesión con ${provider}`,
  signInWithPasskey: 'Iniciar sesión con una llave de acceso',
  usePasskey: 'Usar tu llave de acceso',
  lostPasskey: '¿Has perdido la llave de acceso?',
  askAboutPasskey: (whom) =>
    phrase`Pide a ${whom} que la quite de tu cuenta. Mientras tanto, puedes iniciar sesión de otra forma para ver tus sesiones y cerrarlas.`,
  passkeyStopped: 'No ha funcionado y no ha cambiado nada. Inténtalo de nuevo.',
  noAccount: (link) => phrase`¿Aún no tienes cuenta? ${link}`,

  signUp: 'Crear una cuenta',
  signUpHeading: (server) => phrase`Crea una cuenta en ${server}`,
  signUpReason: 'Con una cuenta, tú decides qué pueden hacer los agentes por ti.',
  signUpNext: 'Con una cuenta, puedes ver qué pide. No se permitirá nada hasta que tú lo digas.',
  email: 'Correo electrónico',
  optional: 'opcional',
  userNameHint: 'Usa letras, números, puntos y guiones.',
  emailHint: 'Los agentes solo pueden verlo si tú lo permites.',
  newPassword: 'Contraseña nueva',
  passwordHint: (minimum) =>
    `Al menos ${counted(minimum, { one: '# carácter', other: '# caracteres' })}. Tres o cuatro palabras al azar funcionan bien.`,
  signUpProblems: {
    username_taken: 'Este nombre de usuario ya está en uso. Elige otro.',
    username_looks_alike: 'Este nombre de usuario se parece al de otra persona. Elige otro.',
    username_mixed:
      'Este nombre de usuario mezcla letras parecidas de dos alfabetos. Usa un solo alfabeto en cada palabra.',
    username_invalid:
      'Este nombre de usuario es demasiado largo o tiene caracteres que no podemos usar. Usa letras, números, puntos y guiones.',
    email_invalid: 'Esto no parece una dirección de correo. Compruébala o deja el campo vacío.',
    password_too_short: 'Esta contraseña es demasiado corta. Elige una más larga.',
    password_too_long: 'Esta contraseña es demasiado larga. Elige una más corta.',
    password_common: 'Mucha gente usa esta contraseña, así que es fácil de adivinar. Elige otra.',
    throttled: 'Demasiados intentos desde tu red. Inténtalo más tarde.',
  },
  recovery: esRecovery,
  secondFactor: esSecondFactor,
  haveAccount: (link) => phrase`¿Ya tienes cuenta? ${link}`,

  reauthenticate: 'Confirma que eres tú',
  reauthenticateReason: 'Introduce de nuevo tu contraseña para continuar.',
  passkeyReason: 'Usa tu llave de acceso para continuar.',
  passkeyNeededHere: 'Este navegador no admite llaves de acceso. Abre esta página en uno que sí las admita.',
  goOn: 'Continuar',
  cancel: 'Cancelar',

  signedInAs: (user) => phrase`Sesión iniciada como ${user}`,
  notYou: '¿No eres tú?',

  allowTitle: (agentHost) => `¿Dar permiso a ${agentHost}?`,
  allowQuestion: (agent, resource) => phrase`¿Permitir a ${agent} acceder a ${resource} por ti?`,
  allowSignIn: (agent) => phrase`¿Permitir a ${agent} iniciar tu sesión con la cuenta que tienes aquí?`,
  allowOwn: (agent) =>
    phrase`¿Permitir a ${agent} iniciar tu sesión con la cuenta que tienes aquí y acceder a su propio servicio por ti?`,
  whoAsks: 'Quién lo solicita',
  callsItself: (name) => phrase`dice llamarse ${name}`,
  noName: 'Este agente no da ningún nombre.',
  comesFrom: (agent) => phrase`Esta solicitud viene realmente de ${agent}.`,
  publishedBy: (agent) => phrase`Sus datos los publica ${agent}. Nada demuestra que esta solicitud venga de ahí.`,
  registeredBy: {
    operator: 'Lo registró quien gestiona este servidor. Nada demuestra que esta solicitud venga de este agente.',
    itself:
      'Se registró aquí por su cuenta, como puede hacer cualquier programa, así que nadie responde por él ni por su nombre.',
  },
  comesFromCopy: (agent, name) =>
    phrase`Esta solicitud viene de una copia de ${agent}, como una aplicación o un servidor. ${agent} la llama ${name} y responde por ella.`,
  copyOf: (agent, name) => phrase`${agent} (copia ${name})`,
  notChecked: {
    nothing: 'No hemos comprobado quién está detrás.',
    name: 'No hemos comprobado su nombre ni quién está detrás.',
    logo: 'No hemos comprobado su logotipo ni quién está detrás.',
    nameAndLogo: 'No hemos comprobado su nombre, su logotipo ni quién está detrás.',
  },
  resourceCallsItself: (resource, name) => phrase`${resource} dice llamarse ${name}. No hemos comprobado ese nombre.`,
  firstTime: 'Es la primera vez que este agente te pide algo.',
  requestedBefore: 'Este agente ya te ha pedido algo antes.',
  asked: (ago) => phrase`Solicitado ${ago}.`,
  code: (code) => phrase`Si te han mostrado un código, debe ser ${code}.`,
  allowedBefore: (day) => phrase`Diste permiso a este agente el ${day}.`,
  allowedOtherCopy: (day) => phrase`Diste permiso a este agente el ${day}, pero no a esta copia.`,
  allowedOnlyCopy: (day) => phrase`Diste permiso a una copia de este agente el ${day}, pero no al propio agente.`,
  asksForMore: 'Ahora pide más.',
  changed: 'Algo ha cambiado en este agente desde la última vez que le diste permiso:',
  changedForOthers: 'Algo ha cambiado en este agente desde la última vez que otra persona le dio permiso:',
  changes: {
    keys: 'Usa una clave nueva.',
    redirect_host: 'Ahora te envía a otra dirección.',
    name: 'Tiene un nombre nuevo.',
    unnamed: 'Ya no da ningún nombre.',
  },
  before: (value) => phrase`Antes: ${value}`,
  saysNothing: (agent) => phrase`${agent} no da ningún nombre ni tiene sitio web, así que ten especial cuidado.`,
  lookAlike: (agent) =>
    phrase`Fíjate bien: ${agent} corresponde a una dirección con letras distintas de a–z. Letras así pueden imitar una dirección que conoces.`,
  claims: {
    brand: (brand, agent) =>
      phrase`«${brand}» es un nombre en el que la gente confía, pero ${agent} no figura entre las direcciones suyas que conocemos.`,
    address: (address, agent) => phrase`Su nombre parece la dirección ${address}, pero la solicitud viene de ${agent}.`,
    imitation:
      'Su nombre podría confundirse con un mensaje nuestro. No lo es: lo eligió el agente y no lo hemos comprobado.',
  },

  details: 'Detalles',
  detailsAndNot: 'Detalles, y lo que el agente no podrá hacer',
  detailAgent: 'Agente',
  detailDelegate: 'Copia del agente (dispositivo o instancia)',
  detailKey: 'Huella digital de la clave',
  detailResource: 'A qué tendrá acceso',
  detailPermissions: 'Nombres técnicos de lo que podrá hacer',
  detailCall: '«Solo esta vez» permite exactamente',
  detailRedirect: 'Adónde irás después',
  agentLinks: 'Páginas del propio agente. No las hemos comprobado. Se abren en una pestaña nueva.',
  homepage: 'Página de inicio',
  policy: 'Política de privacidad',
  terms: 'Condiciones de uso',

  able: 'El agente podrá',
  ableNothing: (resource) => phrase`${resource} no da ninguna lista.`,
  noDescription: (resource) => phrase`${resource} no da ninguna descripción`,
  identity: {
    openid: 'Reconocerte cuando vuelvas',
    profile: 'Ver tu nombre y tu nombre de usuario',
    email: 'Ver tu correo electrónico',
  },
  noValue: 'no lo has indicado',
  withheld: 'solicitado, pero no se lo daremos',
  risks: { read: 'Leer', change: 'Cambiar', delete: 'Eliminar', spend: 'Gastar', control: 'Control total' },
  isNew: 'Nuevo',
  kept: 'Todavía puede:',
  leftOut: 'Quitaste esto hace poco, así que sigue quitado:',
  notAble: 'El agente no podrá',
  notSeePassword: 'Ver tu contraseña',
  notGetPassword: 'Obtener tu contraseña de este servidor',
  notRequested: 'no solicitado',
  notElsewhere: 'Acceder a tus otros servicios',
  alreadyElsewhere: (services, myAgents) => phrase`Ya puede acceder a ${services} (consulta ${myAgents}).`,
  alreadySignsIn: (myAgents) => phrase`Ya puede iniciar tu sesión (consulta ${myAgents}).`,
  moreServices: (count) => counted(count, { one: '# servicio más', other: '# servicios más' }),
  howLong: 'Durante cuánto tiempo',
  untilRemoved: 'Hasta que lo quite',
  once: 'Solo esta vez',
  onceAllows: (call, seconds) =>
    phrase`«Solo esta vez» permite únicamente ${call}, una sola vez, en un plazo de ${duration(seconds)}.`,
  onceSends: 'Lo que envía con ello tampoco puede cambiar, pero no podemos verlo.',
  askedAgain: 'La próxima vez que conectes este agente, te volveremos a preguntar.',
  whileAway: 'Puede usarlo aunque no estés presente.',
  removeIn: (myAgents) => phrase`Puedes quitarlo cuando quieras en ${myAgents}.`,
  worksOn: (seconds) => `Después, puede que siga funcionando hasta ${duration(seconds)} más.`,
  myAgents: 'Mis agentes',

  loopback: (port) =>
    phrase`Tu respuesta se envía a una aplicación de este dispositivo (puerto ${port}). Continúa solo si la acabas de abrir tú.`,
  bearer: 'Este acceso no está vinculado a un solo programa: cualquiera que lo copie puede usarlo hasta que termine.',
  anyProgram: (port) =>
    phrase`Un programa del equipo que tienes delante recibirá este acceso (puerto ${port}). Permítelo solo si acabas de abrir tú ese programa en ese equipo. Si alguien te pide que copies una dirección de este navegador, no lo hagas: contiene el acceso.`,
  elsewhere: (redirect, agent) =>
    phrase`Tu respuesta se envía a ${redirect}, una dirección distinta de ${agent}. Continúa solo si te lo esperabas.`,
  toldToOpen: (deny) =>
    phrase`¿Acabas de pedirle algo a este agente? Si una persona, un mensaje o una llamada te ha dicho que abras esta página, elige ${deny}.`,
  dangerous: (agent, what) => phrase`Con esto, ${agent} podría ${what}. Permítelo solo si sabes por qué lo necesita.`,
  dangers: { delete: 'eliminar cosas', spend: 'gastar tu dinero', control: 'tomar el control total' },
  passkeyAgain: 'Para permitirlo, confírmalo con tu llave de acceso.',
  passkeyNeeded: 'Este navegador no admite llaves de acceso. Abre la solicitud en uno que sí las admita.',
  passwordAgain: 'Para permitirlo, introduce de nuevo tu contraseña.',
  deny: 'No permitir',
  allow: 'Permitir',
  goBackTo: (redirect) => phrase`Volverás a ${redirect}`,
  goOnTo: (redirect) => phrase`Después irás a ${redirect}`,
  endsAt: (time) => phrase`Esta solicitud caduca a las ${time}.`,
  endsSoon: (time) => phrase`Esta solicitud caduca pronto, a las ${time}. Puedes pedir más tiempo.`,
  extend: 'Pedir más tiempo',

  forbids: 'La administración de este servidor no lo permite.',
  askContact: (contact) => phrase`Si lo necesitas, consulta a ${contact}.`,
  goBack: 'Volver',

  returnToApp: 'Vuelve a tu aplicación',
  appAllowed: (agent) => phrase`La solicitud de ${agent} se ha permitido.`,
  appDenied: (agent) => phrase`La solicitud de ${agent} no se ha permitido.`,
  appNext: 'Abre tu aplicación para terminar. Después puedes cerrar esta página.',

  help: 'Ayuda',
  report: 'Denunciar este agente',
  privacy: 'Privacidad',
  language: 'Idioma',

  account: esAccount,
  problems: esProblems,
  blocks: esBlocks,
  nowSignedInAs: (user) => phrase`Ahora has iniciado sesión como ${user}`,
  continueAs: (user) => phrase`Continuar como ${user}`,
  switchAccount: 'Usar otra cuenta',
  canRemove: 'Si no querías permitirlo, quítale el acceso.',
  tryAgain: 'Intentar de nuevo',
  reference: (id) => phrase`Referencia: ${id}`,
}
