import type { enBlocks } from '../en/blocks.js'
import { phrase } from '../parts/phrase.js'

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
  compareCode: (deny) => phrase`El programa que ha hecho la solicitud muestra un código. Si no es este, elige ${deny}.`,
  enterCode: 'Introduce el código',
  enterCodeReason: 'El programa que te pide acceso muestra un código de doce letras y números.',
  codeLabel: 'Código',
  wrongCode:
    'Ese código no funciona. Compruébalo o empieza de nuevo desde el programa que lo mostró. Unos pocos códigos erróneos ponen fin a la solicitud.',
}
