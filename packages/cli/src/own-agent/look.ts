import { createSigner } from 'countersign'
import { fetchLimits, type NetworkOptions } from 'countersign/discovery'
import { type AgentKey, portableRedirect, type WrittenAgent } from '../agent-folder/agent-folder.js'
import { checkIdentifier, type DocumentReport, documentKinds } from '../discover/check-identifier.js'
import type { Finding } from '../discover/findings.js'

/** What others see of an agent, against what it is. */
export interface Look {
  /** `wrong`: others could not verify what the agent signs, or people could not come back. */
  outcome: 'up' | 'absent' | 'wrong' | 'unreachable'
  /** What to mend, in sentences. */
  problems: string[]
  /** The same of what does no harm to the agent. */
  advice: string[]
  /** Whether the document there is one of this agent, whatever it says else. */
  isNamed: boolean
  /** Whether both keys are published, where there are two. */
  hasBothKeys: boolean
  /** The most seconds that others keep the keys that they saw. */
  cacheSeconds: number
}

/** Fetches what the agent publishes, as its peers do, and compares. */
export async function lookAt(
  agent: WrittenAgent,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<Look> {
  const kinds = documentKinds.filter(({ party }) => party === 'agent')
  const { documents } = await checkIdentifier(agent.id, network, tell, kinds)
  const [report] = documents
  const seen: Look = {
    outcome: 'absent',
    problems: [],
    advice: [],
    isNamed: Boolean(report?.document),
    hasBothKeys: false,
    cacheSeconds: report?.key_set?.cache_seconds ?? fetchLimits.defaultAge,
  }
  if (!report || report.outcome === 'absent') return seen
  const problems = [...refusals(report), ...differences(agent, report)]
  const { missing, foreign } = await compareKeys(agent, report)
  problems.push(...missing.map((which) => `Its jwks.json lacks ${which}: upload the new one.`))
  const isAway = report.outcome === 'unreachable' || report.key_set?.outcome === 'unreachable'
  return {
    ...seen,
    outcome: isAway ? 'unreachable' : problems.length > 0 ? 'wrong' : 'up',
    problems,
    advice: foreign.map((kid) => `Its jwks.json has the key ${kid}, too, which this agent does not sign with.`),
    hasBothKeys: agent.keys.next !== undefined && report.key_set?.outcome === 'ok' && missing.length === 0,
  }
}

/** Advice is left out: a host of static files may call the documents what it likes. */
function refusals({ findings, key_set }: DocumentReport): string[] {
  const isGrave = ({ level }: Finding) => level === 'error'
  return [...findings, ...(key_set?.findings ?? [])]
    .filter(isGrave)
    .map(({ what, mend }) => `${/[.…]$/.test(what) ? what : `${what}.`} ${mend}`)
}

function differences({ id, name }: WrittenAgent, { document }: DocumentReport): string[] {
  if (!document) return []
  const published = document as { jwks_uri?: unknown; redirect_uris?: unknown; name?: unknown }
  const problems: string[] = []
  if (published.jwks_uri !== `${id}/jwks.json`)
    problems.push(`It says that its keys are at ${String(published.jwks_uri)}: upload aauth-agent as it was written.`)
  const redirects: unknown[] = Array.isArray(published.redirect_uris) ? published.redirect_uris : []
  if (!redirects.includes(portableRedirect))
    problems.push(`It does not list ${portableRedirect}: upload aauth-agent as it was written.`)
  if (name !== undefined && published.name !== name)
    problems.push(`It is not called “${name}” there: upload aauth-agent as it was written.`)
  return problems
}

/** Keys of the agent that are not published, in words; and the kids of those that are published and not the agent's. */
async function compareKeys(
  { keys: { signing, next } }: WrittenAgent,
  { key_set }: DocumentReport,
): Promise<{ missing: string[]; foreign: string[] }> {
  if (!key_set || key_set.outcome === 'unreachable') return { missing: [], foreign: [] }
  const published = key_set.keys.map(({ thumbprint }) => thumbprint)
  const own = await thumbprintsOf(next ? [signing, next] : [signing])
  const words = next ? ['the key that signs', 'the key that is next'] : ['the key of the agent']
  return {
    missing: words.filter((_, at) => !published.includes(own[at])),
    foreign: key_set.keys.flatMap(({ kid, thumbprint }) =>
      thumbprint === undefined || own.includes(thumbprint) ? [] : [kid ?? thumbprint],
    ),
  }
}

async function thumbprintsOf(keys: readonly AgentKey[]): Promise<string[]> {
  return Promise.all(keys.map(async (key) => (await createSigner(key)).thumbprint))
}
