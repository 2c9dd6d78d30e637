/** From what servers say of a failure to an error with one recovery: by code, by SQLSTATE, by words. */
import { describe, expect, test } from 'vitest'
import { serverError } from '../../../connectors/hive/client/server-error.ts'

describe('what the server says of a failure', () => {
  const HIVE = 'Error while compiling statement: FAILED: '
  test.each([
    [
      { errorCode: 10001, sqlState: '42S02', message: `${HIVE}SemanticException [Error 10001]: Line 1:14 Table not found 't'` },
      'NOT_FOUND',
    ],
    [
      { errorCode: 10072, sqlState: '42000', message: `${HIVE}SemanticException [Error 10072]: Database does not exist: x` },
      'NOT_FOUND',
    ],
    [{ errorCode: 40000, sqlState: '42000', message: `${HIVE}ParseException line 1:0 cannot recognize input` }, 'STATEMENT'],
    [
      {
        errorCode: 40000,
        sqlState: '42000',
        message: `${HIVE}HiveAccessControlException Permission denied: user [u] does not have [CREATE] privilege on [d]`,
      },
      'PRIVILEGE',
    ],
    [
      {
        errorCode: 1,
        sqlState: '08S01',
        message:
          'Error while processing statement: FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.ddl.DDLTask. AlreadyExistsException(message:Table t already exists)',
      },
      'STATEMENT',
    ],
    [
      {
        errorCode: 10104,
        message: 'FAILED: Error in acquiring locks: Locks on the underlying objects cannot be acquired, retry after some time.',
      },
      'UNAVAILABLE',
    ],
    [
      {
        sqlState: '42P01',
        message:
          'Error running query: [TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `t` cannot be found',
      },
      'NOT_FOUND',
    ],
    [{ sqlState: '42501', message: '[X] no' }, 'PRIVILEGE'],
    [
      {
        errorCode: 40000,
        sqlState: '08S01',
        message:
          'Error while processing statement: FAILED: Execution Error, return code 40000 from org.apache.hadoop.hive.ql.ddl.DDLTask. MetaException(message:Got exception: java.nio.file.AccessDeniedException s3a://lake/raw: getFileStatus on s3a://lake/raw: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403)',
      },
      'PRIVILEGE',
    ],
    [{ message: 'FAILED: org.apache.hadoop.fs.UnsupportedFileSystemException No FileSystem for scheme "s3"' }, 'CONFIGURATION'],
    [{ message: 'Unable to execute HTTP request: Connect to store:9000 failed' }, 'UNAVAILABLE'],
    [{ message: 'Connection limit per user reached (user: u limit: 1)' }, 'THROTTLED'],
    [{}, 'STATEMENT'],
  ])('%j: %s', (status, code) => {
    expect(serverError(status, 'Statement').code).toBe(code)
  })

  test('never quotes a value of a row', () => {
    const spark = serverError(
      {
        sqlState: '22018',
        message:
          'Error running query: [CAST_INVALID_INPUT] org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value \'4111-1111\' of the type "STRING" cannot be cast to "INT"',
      },
      'S',
    )
    expect(spark.message).toBe('S failed: [CAST_INVALID_INPUT] (SQLSTATE 22018). The message is the server’s')
    const hive = serverError(
      {
        errorCode: 1,
        message: 'java.io.IOException: org.apache.hadoop.hive.ql.metadata.HiveException: Error evaluating cast(4111 as x)',
      },
      'S',
    )
    expect(hive.message).not.toContain('4111')
  })

  test('of a failed Tez vertex is what happened in the end, unless that quotes a row', () => {
    const vertex = (end: string) =>
      `Error while processing statement: FAILED: Execution Error, return code 2 from org.apache.hadoop.hive.ql.exec.tez.TezTask. Vertex failed, vertexName=Map 1, diagnostics=[Task failed:java.lang.RuntimeException: x\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: y\n\t... 15 more\nCaused by: ${end}\n\tat a.b(C.java:1)\n]`
    const told = serverError(
      {
        errorCode: 2,
        sqlState: '08S01',
        message: vertex('java.io.FileNotFoundException: No such file or directory: s3a://lake/x'),
      },
      'S',
    )
    expect(told.message).toBe(
      'S failed: No such file or directory: s3a://lake/x (code 2, SQLSTATE 08S01). The message is the server’s',
    )
    const hidden = serverError(
      {
        message: vertex(
          'org.apache.hadoop.hive.ql.metadata.HiveException: Hive Runtime Error while processing row {"card":"4111"}',
        ),
      },
      'S',
    )
    expect(hidden.message).toBe('S failed: HiveException. The message is the server’s')
  })

  test('is one line, without statement, trace and class names of Java', () => {
    const error = serverError(
      {
        sqlState: '42601',
        message:
          "Error running query: [PARSE_SYNTAX_ERROR] org.apache.spark.sql.catalyst.parser.ParseException: \n[PARSE_SYNTAX_ERROR] Syntax error at or near 'selec'. SQLSTATE: 42601 (line 1, pos 0)\n\n== SQL ==\nselec\n^^^\n",
      },
      'S',
    )
    expect(error.message).toBe(
      "S failed: [PARSE_SYNTAX_ERROR] Syntax error at or near 'selec' (SQLSTATE 42601). The message is the server’s",
    )
  })
})
