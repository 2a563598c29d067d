import { networkOf } from 'countersign/node'
import { expect, it } from 'vitest'

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:DB8:01:0002::6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8::', '2001:db8:0:0'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:FFFF:192.0.2.1', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
  ['::fffe:192.0.2.1', '0:0:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

it.each([
  ['192.0.2.1', '192.0.2'],
  ['192.0.2.255', '192.0.2'],
  ['192.0.3.0', '192.0.3'],
  ['::ffff:192.0.2.1', '192.0.2'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1'],
  ['2001:db8:1:ffff::', '2001:db8:1'],
  ['2001:db8:2::', '2001:db8:2'],
  ['::1', '0:0:0'],
])('the site of %s is %s', (address, network) => {
  expect(networkOf(address, 'site')).toBe(network)
})

it.each([
  ['192.0.2.1', '192.0'],
  ['::ffff:192.0.2.1', '192.0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8'],
  ['::1', '0:0'],
])('the provider network of %s is %s', (address, network) => {
  expect(networkOf(address, 'provider')).toBe(network)
})
