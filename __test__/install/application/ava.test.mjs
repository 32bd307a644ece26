import test from 'ava'
import suite from './suite.cjs'

suite.define((title, body) =>
  test.serial(title, async (t) => {
    await body()
    t.pass()
  }),
)
