// @ts-check
// Everything works without this script but passkeys.

/** Milliseconds in which a click on Allow does not count (redressing, double clicks meant for another page). */
const GUARD = 500

const allow = /** @type {HTMLButtonElement | null} */ (document.querySelector('button[value=grant]'))
if (allow) guardClicks(allow)

for (const label of document.querySelectorAll('label:has([data-reveals])')) offerReveal(label)
showLocalTimes(document)
groupByDay()
const age = /** @type {HTMLTimeElement | null} */ (document.querySelector('[data-seconds-ago]'))
if (age) keepAge(age)

const deadline = /** @type {HTMLElement | null} */ (document.querySelector('[data-seconds-left]'))
if (deadline) watchDeadline(deadline)

const passkeys = 'PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential
if (passkeys) for (const advice of document.querySelectorAll('[data-without-passkeys]')) advice.remove()

for (const form of document.forms) {
  if (deadline && 'extend' in form.dataset) extendInPlace(form, deadline)
  if (passkeys && 'passkey' in form.dataset) offerPasskey(form)
  if ('sends' in form.dataset) form.submit()
}

/**
 * Ignores clicks until the button has been in sight, in a window with the focus, for a while; it looks so until then.
 *
 * @param {HTMLButtonElement} button
 */
function guardClicks(button) {
  let arming = 0
  let pointed = false
  const restart = () => {
    button.dataset.arming = ''
    clearTimeout(arming)
    arming = setTimeout(() => delete button.dataset.arming, GUARD)
  }
  restart()
  new IntersectionObserver(restart, { threshold: [0, 0.5, 1] }).observe(button)
  document.addEventListener('visibilitychange', restart)
  window.addEventListener('focus', restart)
  window.addEventListener('pageshow', restart)
  // A pointer gives the focus as a part of the click itself.
  button.addEventListener('pointerdown', () => {
    pointed = true
  })
  button.addEventListener('focus', () => {
    if (!pointed) restart()
    pointed = false
  })
  button.addEventListener('click', (event) => {
    pointed = false
    if ('arming' in button.dataset) event.preventDefault()
  })
  button.form?.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return
    // A key that is held down answers nothing.
    if (event.repeat) event.preventDefault()
    // Enter would press the first button of the form, which refuses.
    if (!(event.target instanceof HTMLInputElement)) return
    event.preventDefault()
    button.focus()
  })
}

/** @param {Element} label */
function offerReveal(label) {
  const box = /** @type {HTMLInputElement} */ (label.querySelector('input'))
  const fields = (box.dataset.reveals ?? '')
    .split(' ')
    .map((id) => /** @type {HTMLInputElement} */ (document.getElementById(id)))
  const show = () => {
    for (const field of fields) field.type = box.checked ? 'text' : 'password'
  }
  box.checked = false
  box.addEventListener('change', show)
  // What is sent as a password is remembered as one.
  box.form?.addEventListener('submit', () => {
    box.checked = false
    show()
  })
  label.removeAttribute('hidden')
}

/**
 * Writes days and times again in the zone of the person.
 *
 * @param {ParentNode} within
 */
function showLocalTimes(within) {
  const { locale } = document.body.dataset
  const { hour12 } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions()
  const thisYear = new Date().getFullYear()
  for (const time of within.querySelectorAll('time')) {
    if (!time.dataset.shows) continue
    const at = new Date(time.dateTime)
    const { shows } = time.dataset
    /** @type {Intl.DateTimeFormatOptions} */
    const day = { day: 'numeric', month: 'long', ...(at.getFullYear() === thisYear ? {} : { year: 'numeric' }) }
    /** @type {Intl.DateTimeFormatOptions} */
    const clock = { hour: hour12 ? 'numeric' : '2-digit', minute: '2-digit' }
    const shown = { ...(shows === 'time' ? {} : day), ...(shows === 'day' ? {} : clock) }
    time.textContent = new Intl.DateTimeFormat(locale, shown).format(at)
  }
}

/** Shows each day once. */
function groupByDay() {
  let day = ''
  for (const heading of document.querySelectorAll('h2')) {
    if (!('day' in heading.dataset)) continue
    heading.hidden = heading.textContent === day
    day = heading.textContent ?? ''
  }
}

/**
 * Keeps true how long ago something was.
 *
 * @param {HTMLTimeElement} time
 */
function keepAge(time) {
  const from = Date.now()
  const format = new Intl.RelativeTimeFormat(document.body.dataset.locale)
  setInterval(() => {
    const seconds = Number(time.dataset.secondsAgo) + (Date.now() - from) / 1000
    /** @type {[number, 'hour' | 'minute' | 'second']} */
    const [size, unit] = seconds < 60 ? [1, 'second'] : seconds < 3600 ? [60, 'minute'] : [3600, 'hour']
    time.textContent = format.format(-Math.floor(seconds / size), unit)
  }, 10_000)
}

/** @param {HTMLElement} status */
function watchDeadline(status) {
  let read = status.dataset.secondsLeft
  let from = Date.now()
  const check = () => {
    if (status.dataset.secondsLeft !== read) {
      read = status.dataset.secondsLeft
      from = Date.now()
    }
    const left = Number(read) - (Date.now() - from) / 1000
    const warning = status.querySelector('template')
    if (left > Number(status.dataset.warnBefore) || !warning) return
    showLocalTimes(warning.content)
    status.replaceChildren(warning.content)
  }
  check()
  setInterval(check, 1000)
}

/**
 * Keeps what the person has chosen on the page while the request is extended; a polite live region says the new end.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement} status
 */
function extendInPlace(form, status) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    postedPage(form).then(
      (page) => takeOver(page, status) || form.submit(),
      // The form itself shows what there is to see.
      () => form.submit(),
    )
  })
}

/**
 * @param {HTMLFormElement} form
 * @returns {Promise<Document>}
 */
async function postedPage(form) {
  // Its field of the name `action` hides the property.
  const response = await fetch(form.getAttribute('action') ?? '', { method: 'POST', body: fieldsOf(form) })
  return new DOMParser().parseFromString(await response.text(), 'text/html')
}

/**
 * Takes the new end from the page that was answered.
 *
 * @param {Document} page
 * @param {HTMLElement} status
 * @returns {boolean} Whether it has one.
 */
function takeOver(page, status) {
  const fresh = /** @type {HTMLElement | null} */ (page.querySelector('[data-seconds-left]'))
  if (!fresh) return false
  for (const name of ['revision', 'csrf']) {
    const value = /** @type {HTMLInputElement | null} */ (page.querySelector(`[name=${name}]`))?.value
    for (const field of document.querySelectorAll(`[name=${name}]`)) {
      if (value !== undefined) /** @type {HTMLInputElement} */ (field).value = value
    }
  }
  showLocalTimes(fresh)
  status.dataset.secondsLeft = fresh.dataset.secondsLeft
  status.replaceChildren(...fresh.childNodes)
  return true
}

/** @param {HTMLFormElement} form */
function offerPasskey(form) {
  const status = /** @type {HTMLElement} */ (form.querySelector('[data-stopped]'))
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem('credential'))
  const stopped = () => {
    status.textContent = status.dataset.stopped ?? ''
  }
  form.hidden = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    status.textContent = ''
    ceremony(form).then((credential) => {
      if (!credential) return stopped()
      field.value = JSON.stringify(credential)
      form.submit()
    }, stopped)
  })
}

/**
 * @param {HTMLFormElement} form
 * @returns {Promise<Credential | null>}
 */
async function ceremony(form) {
  const response = await fetch(form.dataset.options ?? '', { method: 'POST', body: fieldsOf(form) })
  if (!response.ok) return null
  const options = await response.json()
  return form.dataset.passkey === 'create'
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
}

/** @param {HTMLFormElement} form */
function fieldsOf(form) {
  const fields = new URLSearchParams()
  for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields.append(name, value)
  return fields
}
