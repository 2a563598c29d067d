import type { en } from '../en/en.js'
import { createCounted, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { esAccount } from './account.js'
import { esBlocks, esConsent } from './consent.js'
import { esProblems } from './problems.js'
import { esRecovery } from './recovery.js'
import { esSecondFactor } from './security.js'

const counted = createCounted('es')

/** The text of the pages, in Spanish. */
export const es: typeof en = {
  lang: 'es',
  dir: 'ltr',
  languageName: 'Español',

  ...createFormats('es'),

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
  signInByMessage: (host) =>
    phrase`¿Te ha traído aquí un correo o un mensaje? Entonces no inicies sesión en esta página: abre ${host} por tu cuenta.`,
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

  ...esConsent,

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
