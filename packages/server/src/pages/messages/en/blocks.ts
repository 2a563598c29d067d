import type { ComponentChildren } from 'preact'
import { phrase } from '../parts/phrase.js'

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in English. */
export const enBlocks = {
  comesFromAgent: (id: ComponentChildren, provider: ComponentChildren) =>
    phrase`This request comes from ${id}, and ${provider} vouches for it.`,
  detailAgentId: 'Full name of the agent',
  allowedOther: (day: ComponentChildren, provider: ComponentChildren) =>
    phrase`You allowed another agent of ${provider} on ${day}, but not this one.`,
  enrolment: 'This agent is new here',
  enrols: (id: ComponentChildren) =>
    phrase`If you allow this, ${id} acts for you from now on, and for no one else, until you remove it in My agents.`,
  agentSays: (id: ComponentChildren) => phrase`What ${id} says`,
  agentSaysUnchecked: 'The agent wrote this. We haven’t checked it.',
  platform: 'Runs on',
  platforms: {
    web: 'a website',
    mobile: 'a phone or tablet',
    desktop: 'a computer',
    workload: 'a server',
    'self-hosted': 'its user’s own server',
  },
  device: 'Calls its device',
  resourceSays: (resource: ComponentChildren) => phrase`What ${resource} says`,
  account: 'Your account there',
  resourceUnreachable: (resource: ComponentChildren) =>
    phrase`We couldn’t read what ${resource} publishes about itself, so all we know is its address.`,
  needs: {
    identity: (resource: ComponentChildren) =>
      phrase`It says that an agent that acts for you needs no other permission: ${resource} decides what the agent may do.`,
    permission: (resource: ComponentChildren) =>
      phrase`It says that an agent also needs your permission for what it does there, so you may be asked again for ${resource}.`,
  },
  actAs: 'Act as you there, as far as that service lets it without asking you again',
  compareCode: (deny: ComponentChildren) =>
    phrase`The program that asked shows a code. If it isn’t this one, choose ${deny}.`,
  enterCode: 'Enter the code',
  enterCodeReason: 'The program that asks you for access shows a code with twelve letters and numbers.',
  codeLabel: 'Code',
  wrongCode:
    'That code doesn’t work. Check it, or start again from the program that showed it. A few wrong codes end the request.',
}
