import type { enBlocks, enConsent } from '../en/consent.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

const [counted, duration] = [createCounted('es'), createDuration('es')]

/** The text of the consent page, in Spanish. */
export const esConsent: typeof enConsent = {
  duration,

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
}

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in Spanish. */
export const esBlocks: typeof enBlocks = {
  comesFromAgent: (id, provider) => phrase`Esta solicitud viene de ${id}, y ${provider} responde por él.`,
  detailAgentId: 'Nombre completo del agente',
  allowedOther: (day, provider) => phrase`Diste permiso a otro agente de ${provider} el ${day}, pero no a este.`,
  enrolment: 'Este agente es nuevo aquí',
  enrols: (id) =>
    phrase`Si lo permites, ${id} actuará desde ahora por ti, y por nadie más, hasta que lo quites en «Mis agentes».`,
  agentSays: (id) => phrase`Lo que dice ${id}`,
  agentSaysUnchecked: 'Esto lo ha escrito el agente. No lo hemos comprobado.',
  platform: 'Funciona en',
  platforms: {
    web: 'un sitio web',
    mobile: 'un teléfono o una tableta',
    desktop: 'un equipo',
    workload: 'un servidor',
    'self-hosted': 'un servidor propio de quien lo usa',
  },
  device: 'Llama a su dispositivo',
  resourceSays: (resource) => phrase`Lo que dice ${resource}`,
  account: 'Tu cuenta en ese servicio',
  resourceUnreachable: (resource) =>
    phrase`No hemos podido leer lo que ${resource} publica sobre sí mismo, así que solo conocemos su dirección.`,
  needs: {
    identity: (resource) =>
      phrase`Indica que un agente que actúa por ti no necesita ningún otro permiso: ${resource} decide qué puede hacer el agente.`,
    permission: (resource) =>
      phrase`Indica que un agente también necesita tu permiso para lo que hace allí, así que puede que te volvamos a preguntar por ${resource}.`,
  },
  actAs: 'Actuar allí como si fueras tú, hasta donde ese servicio lo permita sin preguntarte de nuevo',
  sameCode: 'Permitir, mismo código',
  compareCode: (deny) => phrase`El programa que ha hecho la solicitud muestra un código. Si no es este, elige ${deny}.`,
  enterCode: 'Introduce el código',
  enterCodeReason: 'El programa que te pide acceso muestra un código de doce letras y números.',
  codeLabel: 'Código',
  wrongCode:
    'Ese código no funciona. Compruébalo o empieza de nuevo desde el programa que lo mostró. Unos pocos códigos erróneos ponen fin a la solicitud.',
}
