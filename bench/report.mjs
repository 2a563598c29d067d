const own = 'countersign '
const limits = { verify: 'crypto.verify', sign: 'crypto.sign', 'access token': 'crypto.verify, ES256' }

/** The measured rounds as a table of at most 80 columns, with the goals next to the results. */
export function formatReport({ limit, results }, notes) {
  const lines = [
    'Rates as ratios to raw node:crypto in the same round, in CPU time: Ed25519, and ES256 for access tokens.',
    `The limit here: ${limit.verify} verifications, ${limit.sign} signatures, ${limit['access token']} ES256 verifications per second.`,
    '',
    row('', 'min', 'median', 'max', 'goal', ''),
  ]
  for (const [kind, name] of Object.entries(limits)) {
    lines.push(row(name, '', '1.00', '', '', 'limit'))
    for (const result of results.filter(({ of }) => of === kind)) lines.push(formatResult(result))
    const peer = compareWithPeers(results, kind)
    if (peer) lines.push(row(`  ahead of every peer (next: ${peer.name})`, '', '', '', '', peer.mark))
    lines.push('')
  }
  for (const note of notes) lines.push(...wrap(note, 78).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`))
  return `${lines.join('\n')}\n`
}

/** The machine-readable form: names and ratios, nothing that depends on the goals. */
export function formatJson({ limit, results }) {
  return `${JSON.stringify({ limit, results: results.map(({ name, ratio }) => ({ name, ratio })) })}\n`
}

function formatResult({ name, goal, ratio }) {
  const digits = goal !== undefined && goal >= 10 ? 1 : 2
  const show = (value) => value.toFixed(digits)
  const mark = goal === undefined ? '' : ratio.median >= goal ? 'PASS' : 'behind'
  const shownGoal = goal === undefined ? '' : `≥ ${goal < 1 ? goal.toFixed(2) : goal}`
  return row(`  ${name}`, show(ratio.min), show(ratio.median), show(ratio.max), shownGoal, mark)
}

function compareWithPeers(results, kind) {
  const ours = results.find(({ name }) => name === `${own}${kind}`)
  const [best] = results
    .filter(({ name, of }) => of === kind && !name.startsWith(own))
    .sort((a, b) => b.ratio.median - a.ratio.median)
  if (!best) return undefined
  return { name: best.name.slice(0, -kind.length - 1), mark: ours.ratio.median > best.ratio.median ? 'PASS' : 'behind' }
}

function row(name, min, median, max, goal, mark) {
  const cells = `${min.padStart(7)}${median.padStart(8)}${max.padStart(7)}${goal.padStart(8)}`
  return `${name.padEnd(42)}${cells}  ${mark}`.trimEnd()
}

function wrap(text, width) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line.length + 1 + word.length > width && line !== '') lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
