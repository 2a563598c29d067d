import { expect, it } from 'vitest'
import { fillForm } from '../../src/demo/scripted-browser.js'

it('sends the selected option', () => {
  const option = { name: 'duration', type: 'option' }
  const controls = [
    { ...option, value: '1', checked: true },
    { ...option, value: '2', checked: false },
  ]
  expect(fillForm({ action: '', method: 'get', controls }, {}).toString()).toBe('duration=1')
})
