import { createSigner } from 'countersign'
import { fetchLimits, type NetworkOptions } from 'countersign/discovery'
import type { AgentKey, WrittenAgent } from '../agent-folder/agent-folder.js'
import { checkIdentifier, type DocumentReport } from '../discover/check-identifier.js'
import { type Finding, sentence } from '../discover/findings.js'
import { editionOf } from '../editions/agent-editions.js'
import { loadEdition } from '../editions/load-edition.js'

/** The published state of an agent, compared with its folder. */
export interface Look {
  /** `wrong`: other parties could not verify the agent's signatures, or users could not be redirected back. */
  outcome: 'up' | 'absent' | 'wrong' | 'unreachable'
  /** What to fix, as sentences. */
  problems: string[]
  /** Findings that do not affect the agent, as sentences. */
  advice: string[]
  /** Whether the published document is for this agent, regardless of the document's other members. */
  isNamed: boolean
  /** During a rotation: whether both keys are published. */
  hasBothKeys: boolean
  /** How long other parties may cache the published keys, in seconds. */
  cacheSeconds: number
}

/** Fetches what the agent publishes, as its peers do, and compares it with the folder. */
export async function lookAt(
  agent: WrittenAgent,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<Look> {
  const edition = await loadEdition(agent.edition)
  const kinds = edition.documents.filter(({ type }) => type.party === 'agent')
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
  problems.push(...missing.map((which) => `Its jwks.json lacks ${which}: upload the new jwks.json.`))
  const isAway = report.outcome === 'unreachable' || report.key_set?.outcome === 'unreachable'
  return {
    ...seen,
    outcome: isAway ? 'unreachable' : problems.length > 0 ? 'wrong' : 'up',
    problems,
    advice: foreign.map((kid) => `Its jwks.json also contains the key ${kid}, which this agent does not use to sign.`),
    hasBothKeys: agent.keys.next !== undefined && report.key_set?.outcome === 'ok' && missing.length === 0,
  }
}

/** Returns the errors. Advice is omitted, because a static host may use its own Content-Type for the documents. */
function refusals({ findings, key_set }: DocumentReport): string[] {
  const isGrave = ({ level }: Finding) => level === 'error'
  return [...findings, ...(key_set?.findings ?? [])].filter(isGrave).map(({ what, fix }) => `${sentence(what)} ${fix}`)
}

function differences(agent: WrittenAgent, { document }: DocumentReport): string[] {
  if (!document) return []
  const { id, name } = agent
  const { documents, returnProblem } = editionOf(agent)
  const published = document as Readonly<Record<string, unknown>>
  const problems: string[] = []
  if (published.jwks_uri !== `${id}/jwks.json`) problems.push(`Its jwks_uri is ${String(published.jwks_uri)}`)
  const problem = returnProblem(published)
  if (problem !== undefined) problems.push(problem)
  if (name !== undefined && published.name !== name) problems.push(`Its name is not “${name}”`)
  return problems.map((each) => `${each}: upload ${documents.agent.name} unchanged.`)
}

/** Returns descriptions of the agent's unpublished keys, and the kids of published keys that do not belong to the agent. */
async function compareKeys(
  { keys: { signing, next } }: WrittenAgent,
  { key_set }: DocumentReport,
): Promise<{ missing: string[]; foreign: string[] }> {
  if (!key_set || key_set.outcome === 'unreachable') return { missing: [], foreign: [] }
  const published = key_set.keys.map(({ thumbprint }) => thumbprint)
  const own = await thumbprintsOf(next ? [signing, next] : [signing])
  const words = next ? ['the current signing key', 'the next key'] : ['the agent’s key']
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
