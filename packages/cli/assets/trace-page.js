// Adds to the page: two readings, one message at a time, and highlighting. Without it, the page shows everything.
const root = document.documentElement
const links = [...document.querySelectorAll('nav .arrows a')]
const messages = [...document.querySelectorAll('.messages > article')]
const found = document.querySelector('.found')
const readings = document.querySelector('.readings')
const buttons = [...readings.querySelectorAll('button')]

function read(reading) {
  root.dataset.reading = reading
  for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.reading === reading))
}

/** Shows one message beside the diagram, and marks its arrow. */
function select(id, options = {}) {
  if (!messages.some((message) => message.id === id)) return
  for (const message of messages) message.hidden = message.id !== id
  for (const link of links) {
    const isCurrent = link.hash === `#${id}`
    if (isCurrent) link.setAttribute('aria-current', 'true')
    else link.removeAttribute('aria-current')
    if (isCurrent) link.scrollIntoView({ block: 'nearest' })
    if (isCurrent && options.focus === 'arrow') link.focus({ preventScroll: true })
  }
  const message = document.getElementById(id)
  message.parentElement.scrollTop = 0
  if (options.focus === 'message') message.focus()
  history.replaceState(null, '', `#${id}`)
}

/** Highlights a value wherever it occurs, and lists the messages that contain it; again, or with no value, removes that. */
function highlight(id) {
  const isOn = id !== undefined && found.dataset.value !== id
  for (const link of document.querySelectorAll('.v')) link.classList.toggle('on', isOn && link.dataset.v === id)
  const entry = isOn ? document.getElementById(id) : null
  const numbers = new Set([...(entry?.querySelectorAll('span a') ?? [])].map(({ hash }) => hash))
  for (const link of links) link.parentElement.classList.toggle('has-value', numbers.has(link.hash))
  found.replaceChildren()
  found.dataset.value = isOn ? id : ''
  if (!entry) return
  const close = document.createElement('button')
  close.type = 'button'
  close.textContent = 'Clear'
  close.addEventListener('click', () => highlight())
  found.append(...[...entry.children].map((child) => child.cloneNode(true)), close)
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a')
  if (!link || event.ctrlKey || event.metaKey) return
  if (link.dataset.v) {
    event.preventDefault()
    highlight(link.dataset.v)
  } else if (/^#m\d+$/.test(link.hash)) {
    event.preventDefault()
    const fromDiagram = links.includes(link)
    read('wire')
    select(link.hash.slice(1), { focus: fromDiagram && matchMedia('(min-width: 64rem)').matches ? 'arrow' : 'message' })
  }
})

/** In the diagram, the arrow keys step through the messages, and Enter moves into the message. */
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    const current = links.find((link) => link.hasAttribute('aria-current'))
    if (found.dataset.value) highlight()
    else if (document.activeElement?.closest('.messages')) current?.focus()
    return
  }
  const index = links.indexOf(document.activeElement)
  if (index === -1) return
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  const next = links[index + step]
  if (next) {
    event.preventDefault()
    select(next.hash.slice(1), { focus: 'arrow' })
  } else if (event.key === 'Enter') {
    event.preventDefault()
    select(links[index].hash.slice(1), { focus: 'message' })
  }
})

for (const button of buttons) button.addEventListener('click', () => read(button.dataset.reading))
const asked = location.hash.slice(1)
const hasSimple = document.getElementById('simple') !== null
readings.hidden = !hasSimple
read(hasSimple && !/^m\d+$/.test(asked) ? 'simple' : 'wire')
select(messages.some(({ id }) => id === asked) ? asked : 'm1')
if (!asked) history.replaceState(null, '', location.pathname)
