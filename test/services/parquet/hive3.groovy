// Prints what Hive 3's two readers of Parquet find in files, row by row: {"rows": …, "vectors": …}, or {"error": …}, one JSON line per file.
// Arguments: path of a list of {path, names, types} as JSON.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.apache.hadoop.fs.Path
import org.apache.hadoop.hive.conf.HiveConf
import org.apache.hadoop.hive.ql.exec.SerializationUtilities
import org.apache.hadoop.hive.ql.exec.Utilities
import org.apache.hadoop.hive.ql.exec.vector.VectorExtractRow
import org.apache.hadoop.hive.ql.exec.vector.VectorizedRowBatchCtx
import org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat
import org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe
import org.apache.hadoop.hive.ql.io.parquet.vector.VectorizedParquetRecordReader
import org.apache.hadoop.hive.ql.plan.MapWork
import org.apache.hadoop.hive.serde2.objectinspector.ObjectInspectorFactory
import org.apache.hadoop.hive.serde2.objectinspector.ObjectInspectorUtils
import org.apache.hadoop.hive.serde2.typeinfo.TypeInfo
import org.apache.hadoop.hive.serde2.typeinfo.TypeInfoUtils
import org.apache.hadoop.mapred.FileInputFormat
import org.apache.hadoop.mapred.FileSplit
import org.apache.hadoop.mapred.JobConf
import org.apache.hadoop.mapred.Reporter
import org.apache.hive.com.esotericsoftware.kryo.Kryo
import org.apache.hive.com.esotericsoftware.kryo.pool.KryoPool

// Its serializers look into lists of Java 8. The plan is handed over in memory: nothing is serialized.
SerializationUtilities.kryoPool = [borrow: { new Kryo() }, release: { kryo -> }] as KryoPool

def exact(value) {
  if (value instanceof byte[]) return value.encodeHex().toString()
  if (value instanceof Float) return Integer.toHexString(Float.floatToIntBits(value))
  if (value instanceof Double) return Long.toHexString(Double.doubleToLongBits(value))
  return value?.toString()
}

def jobOf(file) {
  def job = new JobConf(new HiveConf())
  job.set('fs.defaultFS', 'file:///')
  job.set('columns', file.names.join(','))
  job.set('columns.types', file.types.join(':'))
  job.set('hive.io.file.read.all.columns', 'false')
  job.set('hive.io.file.readcolumn.ids', (0..<file.names.size()).join(','))
  job.set('hive.io.file.readcolumn.names', file.names.join(','))
  return job
}

def splitOf(file) { new FileSplit(new Path(file.path), 0, new File(file.path).length(), (String[]) null) }

def rowsOf(file) {
  def job = jobOf(file)
  def properties = new Properties()
  ['columns', 'columns.types'].each { properties.setProperty(it, job.get(it)) }
  def serde = new ParquetHiveSerDe()
  serde.initialize(job, properties)
  def inspector = serde.objectInspector
  FileInputFormat.setInputPaths(job, new Path(file.path))
  def reader = new MapredParquetInputFormat().getRecordReader(splitOf(file), job, Reporter.NULL)
  def (key, value) = [reader.createKey(), reader.createValue()]
  def rows = []
  while (reader.next(key, value)) {
    def row = serde.deserialize(value)
    rows << inspector.allStructFieldRefs.collect {
      exact(ObjectInspectorUtils.copyToStandardJavaObject(inspector.getStructFieldData(row, it), it.fieldObjectInspector))
    }
  }
  return rows
}

def vectorsOf(file) {
  def job = jobOf(file)
  job.set('hive.exec.plan', 'file:/plan')
  job.set('has.map.work', 'true')
  def types = TypeInfoUtils.getTypeInfosFromTypeString(file.types.join(':'))
  def inspectors = types.collect { TypeInfoUtils.getStandardWritableObjectInspectorFromTypeInfo(it) }
  def context = new VectorizedRowBatchCtx()
  context.init(ObjectInspectorFactory.getStandardStructObjectInspector(file.names, inspectors), new String[0])
  def work = new MapWork()
  work.vectorMode = true
  work.vectorizedRowBatchCtx = context
  Utilities.gWorkMap.get(job).put(Utilities.getPlanPath(job, 'map.xml'), work)
  def reader = new VectorizedParquetRecordReader(splitOf(file), job)
  def (key, batch) = [reader.createKey(), reader.createValue()]
  def extract = new VectorExtractRow()
  extract.init(types.toArray(new TypeInfo[0]))
  def cells = new Object[types.size()]
  def rows = []
  while (reader.next(key, batch)) {
    for (int i = 0; i < batch.size; i++) {
      extract.extractRow(batch, i, cells)
      rows << (0..<cells.length).collect { exact(ObjectInspectorUtils.copyToStandardJavaObject(cells[it], inspectors[it])) }
    }
  }
  return rows
}

def attempt(Closure read) {
  try {
    return read()
  } catch (Throwable error) {
    return error.toString()
  }
}

new JsonSlurper().parse(new File(args[0])).each { file ->
  println JsonOutput.toJson([rows: attempt { rowsOf(file) }, vectors: attempt { vectorsOf(file) }])
}
