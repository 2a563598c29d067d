/** @returns {string} a table of the areas, and the survivors, in Markdown */
export function describeResults(results, candidates) {
  const areas = [...new Set(results.map(({ area }) => area))]
  const rows = areas.map((area) => {
    const own = results.filter((each) => each.area === area)
    return [area, candidates[area] ?? '', ...countsOf(own)]
  })
  if (areas.length > 1)
    rows.push(['all', Object.values(candidates).reduce((sum, count) => sum + count, 0), ...countsOf(results)])
  const table = [
    ['area', 'candidates', 'tried', 'killed', 'survived', 'undecided', 'killed, of those decided'],
    Array(7).fill('---'),
    ...rows,
  ]
  const lines = table.map((cells) => `| ${cells.join(' | ')} |`)
  const survivors = results.filter(({ outcome }) => outcome !== 'killed')
  return `${[...lines, '', ...survivors.map(describeSurvivor)].join('\n')}\n`
}

function countsOf(results) {
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length
  const [killed, survived, undecided] = ['killed', 'survived', 'undecided'].map(count)
  const decided = killed + survived
  return [
    results.length,
    killed,
    survived,
    undecided,
    decided === 0 ? '' : `${((100 * killed) / decided).toFixed(1)} %`,
  ]
}

function describeSurvivor({ id, source, kind, original, replacement, outcome, ran, left }) {
  const tests = left > 0 ? `${ran} test files, no time for ${left} more` : `${ran} test files`
  const change = `\`${shown(original)}\` → \`${shown(replacement)}\``
  return `- ${id}: ${source.file}:${source.line}, ${kind}: ${change} (${outcome}, ${tests})`
}

function shown(text) {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 100 ? `${line.slice(0, 97)}...` : line
}
