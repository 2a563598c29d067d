import { parseAst } from 'vitest/node'

const expressions = /Expression$|^Literal$|^TemplateLiteral$/
const statements =
  /^(?:Expression|Return|If|Throw|For|ForOf|ForIn|While|Try|Switch|Continue|Break)Statement$|^BlockStatement$/
const lists = /^(?:BlockStatement|IfStatement|SwitchCase|ForOfStatement|ForStatement|WhileStatement)$/

/**
 * Compiles mutations into a module. Each applies only while `globalThis.mutant` returns true for its number; this also records that the
 * code was reached. So do functions with a block, for other numbers.
 *
 * @param {string} source of an ES module
 * @param {{ number: number, start: number, end: number, replacement: string, inFunction: boolean }[]} mutations
 * @param {readonly number[]} marks numbers that functions with a block are reached by
 * @returns {{ text: string, left: number[] }} `left`: mutations that this is impossible for, such as those of code that runs on module load
 */
export function instrument(source, mutations, marks) {
  const { hosts, bodies } = findHosts(source)
  const left = []
  const used = new Map()
  for (const mutation of mutations) {
    const host = mutation.inFunction ? hostOf(source, hosts, mutation) : undefined
    if (host) used.set(host, [...(used.get(host) ?? []), mutation])
    else left.push(mutation.number)
  }
  const starts = bodies.map((start) => ({ start, end: start, isMark: true }))
  const edits = [...used.keys(), ...starts].sort((a, b) => a.start - b.start || b.end - a.end)
  return { text: render(0, source.length, edits), left }

  function render(start, end, inner) {
    let [text, at] = ['', start]
    inner.forEach((edit, index) => {
      if (edit.start < at) return
      text += source.slice(at, edit.start)
      if (edit.isMark) text += marks.map((mark) => `globalThis.mutant?.(${mark});`).join('')
      else {
        const nested = inner.slice(index + 1).filter((each) => each.start >= edit.start && each.end <= edit.end)
        text += hostText(edit, render(edit.start, edit.end, nested))
      }
      at = edit.end
    })
    return text + source.slice(at, end)
  }

  function hostText(host, original) {
    const cases = used.get(host).map((mutation) => {
      const [test, mutated] = [`globalThis.mutant?.(${mutation.number})`, mutate(source, host, mutation)]
      return host.isStatement ? `if(${test}){${mutated}\n}else ` : `${test}?(${mutated}\n):`
    })
    return host.isStatement ? `{${cases.join('')}{${original}\n}}` : `(${cases.join('')}(${original}\n))`
  }
}

/** The text of a node with a mutation inside it. */
function mutate(source, { start, end, pattern }, mutation) {
  if (pattern && pattern.start === mutation.start && pattern.end === mutation.end) return 'undefined'
  return source.slice(start, mutation.start) + mutation.replacement + source.slice(mutation.end, end)
}

/** The smallest node around a mutation that can be replaced by a choice; for a removed default, its value. */
function hostOf(source, hosts, mutation) {
  const pattern = hosts.find(({ pattern: of }) => of && of.start === mutation.start && of.end === mutation.end)
  if (pattern) return pattern
  const around = hosts.filter(({ start, end }) => start <= mutation.start && mutation.end <= end)
  around.sort((a, b) => a.end - a.start - (b.end - b.start))
  return around.find((host) => parses(mutate(source, host, mutation), host.isStatement))
}

function parses(text, isStatement) {
  // What only a class or a constructor allows is replaced.
  const plain = text
    .replaceAll(/#(\w+) in /g, "'$1' in ")
    .replaceAll(/#(\w+)/g, '_$1')
    .replaceAll(/\bsuper\b/g, '_super')
    .replaceAll(/\bnew\.target\b/g, '_target')
  try {
    parseAst(isStatement ? `async function* f(){for(;;){${plain}\n}}` : `async function* f(){return (${plain}\n)}`)
    return true
  } catch {
    return false
  }
}

/** @returns {boolean} whether a module has functions with a block */
export function hasFunctions(source) {
  return findHosts(source).bodies.length > 0
}

function findHosts(source) {
  const hosts = []
  const bodies = []
  visit(parseAst(source), {}, '', false, false)
  return { hosts, bodies }

  function visit(node, parent, key, inFunction, inChain) {
    if (inFunction && isList(node, parent, key)) hosts.push({ start: node.start, end: node.end, isStatement: true })
    else if (inFunction && parent.type === 'AssignmentPattern' && key === 'right')
      hosts.push({ start: node.start, end: node.end, pattern: parent })
    else if (inFunction && !inChain && isValue(node, parent, key)) hosts.push({ start: node.start, end: node.end })
    const isFunction = /Function/.test(node.type)
    if (isFunction && node.body?.type === 'BlockStatement' && !node.body.body[0]?.directive)
      bodies.push(node.body.start + 1)
    for (const [name, child] of Object.entries(node))
      for (const each of Array.isArray(child) ? child : [child])
        if (typeof each?.type === 'string')
          visit(each, node, name, inFunction || isFunction, isChained(node, name, inChain))
  }
}

/** Whether a member is part of a chain with `?.`, which is replaced as a whole. */
function isChained({ type }, key, inChain) {
  if (type === 'ChainExpression') return true
  return (
    inChain && ((type === 'MemberExpression' && key === 'object') || (type === 'CallExpression' && key === 'callee'))
  )
}

/** Whether a node is a statement that a block can replace. */
function isList(node, parent, key) {
  if (!statements.test(node.type) || node.directive !== undefined) return false
  if (node.type === 'BlockStatement' && parent.type !== 'BlockStatement') return false
  return lists.test(parent.type) && ['body', 'consequent', 'alternate'].includes(key)
}

/** Whether a node is an expression that is only read, so that a conditional expression can replace it. */
function isValue({ type }, parent, key) {
  if (!expressions.test(type)) return false
  if (['callee', 'tag', 'quasi', 'key', 'params', 'param', 'label', 'superClass', 'id'].includes(key)) return false
  if (key === 'left' && /Assignment|ForOf|ForIn/.test(parent.type)) return false
  if (key === 'argument' && (parent.type === 'UpdateExpression' || parent.operator === 'delete')) return false
  if (/Pattern|RestElement/.test(parent.type)) return false
  if (key === 'property' && !parent.computed) return false
  if (parent.type === 'Property') return !parent.shorthand && !parent.method && parent.kind === 'init'
  return !/^(?:MethodDefinition|Import.*|Export.*|Class.*|MetaProperty)$/.test(parent.type)
}
