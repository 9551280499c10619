"""Athena as boto3 sees it: every action, over the bucket and the ready table of the lab's flow log.

Each reply is held against the public model; at the end every action must have succeeded once.
"""

from suite import check, client, done, held, refused, untried

athena = held(client("athena"))

invalid = "InvalidRequestException"
s3 = client("s3")
for bucket in ["suite-results", "suite-group"]:
    s3.create_bucket(Bucket=bucket)
place = {"OutputLocation": "s3://suite-results/athena/"}


def start(sql, **more):
    more.setdefault("ResultConfiguration", place)
    return athena.start_query_execution(QueryString=sql, **more)["QueryExecutionId"]


def ended(sql, state="SUCCEEDED", **more):
    execution = athena.get_query_execution(QueryExecutionId=start(sql, **more))["QueryExecution"]
    check(execution["Status"]["State"] == state, execution)
    return execution


def rows(sql, **more):
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=ended(sql, **more)["QueryExecutionId"], PaginationConfig={"PageSize": 2})
    return [[it.get("VarCharValue") for it in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]


# Queries.
listed = rows("SELECT * FROM (VALUES (1, 'a'), (2, NULL), (3, 'c')) AS t (number, word) ORDER BY 1")
check(listed == [["number", "word"], ["1", "a"], ["2", None], ["3", "c"]], listed)
actions = rows("SELECT action, count(*) AS n FROM flow_logs GROUP BY action ORDER BY action")
check(actions[0] == ["action", "n"] and {it[0] for it in actions[1:]} >= {"ACCEPT", "REJECT"}, actions)
execution = ended("SELECT 1 AS one")
check(execution["StatementType"] == "DML" and execution["WorkGroup"] == "primary", execution)
identifier = execution["QueryExecutionId"]
location = f"s3://suite-results/athena/{identifier}.csv"
check(execution["ResultConfiguration"]["OutputLocation"] == location, execution)
beside = s3.list_objects_v2(Bucket="suite-results", Prefix=f"athena/{identifier}")["Contents"]
check([it["Key"] for it in beside] == [f"athena/{identifier}.csv", f"athena/{identifier}.csv.metadata"], beside)
day = athena.get_work_group(WorkGroup="primary")["WorkGroup"]["CreationTime"].date()
check(execution["Status"]["SubmissionDateTime"].date() == day, execution)
check(execution["Statistics"]["EngineExecutionTimeInMillis"] > 0, execution)
columns = athena.get_query_results(QueryExecutionId=identifier)["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
check([(it["Name"], it["Type"], it["Precision"]) for it in columns] == [("one", "integer", 10)], columns)
failed = ended("SELECT nobody FROM flow_logs", state="FAILED")
check("COLUMN_NOT_FOUND" in failed["Status"]["StateChangeReason"], failed)
check(failed["Status"]["AthenaError"]["ErrorCategory"] == 2, failed)
refused(invalid, athena.get_query_results, QueryExecutionId=failed["QueryExecutionId"])
refused(invalid, start, sql="SELEC 1")
try:
    start("SELEC 1")
except athena.exceptions.InvalidRequestException as error:
    check(error.response["AthenaErrorCode"] == "MALFORMED_QUERY", error.response)
commented = ended("-- top\n/* talkers */ SELECT 1")["ResultConfiguration"]["OutputLocation"]
check(commented.endswith(".csv"), commented)
refused(invalid, athena.start_query_execution, QueryString="SELECT 1")
refused(invalid, start, sql="SELECT 1", ResultConfiguration={"OutputLocation": "s3://x/../y"})
refused(invalid, start, sql="SELECT 1", ResultConfiguration={"OutputLocation": "s3://no-such-bucket/"})
refused(invalid, start, sql="SELECT 1", QueryExecutionContext={"Catalog": "other"})
given = rows("SELECT ? AS a, '?' AS b, ? + 1 AS c", ExecutionParameters=["'x'", "41"])
check(given == [["a", "b", "c"], ["x", "?", "42"]], given)
failed = ended("SELECT ?", state="FAILED", ExecutionParameters=["1", "2"])
check("Incorrect number of parameters: expected 1 but found 2" in failed["Status"]["StateChangeReason"], failed)
check(failed["ExecutionParameters"] == ["1", "2"] and failed["Query"] == "SELECT ?", failed)
# Prepared statements, by calls and in SQL.
group = {"WorkGroup": "primary"}
athena.create_prepared_statement(StatementName="pair", QueryStatement="SELECT ? AS a, ? AS b", **group)
refused(invalid, athena.create_prepared_statement, StatementName="pair", QueryStatement="SELECT 1", **group)
check(rows("EXECUTE pair USING 7, 'a, b'") == [["a", "b"], ["7", "a, b"]], "USING")
check(rows("EXECUTE pair", ExecutionParameters=["1", "2"])[1] == ["1", "2"], "ExecutionParameters")
check(ended("PREPARE one FROM SELECT ? + 1 AS n")["StatementType"] == "DDL", "PREPARE")
check(rows("EXECUTE one USING 1") == [["n"], ["2"]], "EXECUTE")
refused(invalid, start, sql="PREPARE bad FROM SELEC ?")
refused(invalid, start, sql="EXECUTE nobody")
statements = athena.list_prepared_statements(**group)["PreparedStatements"]
check([it["StatementName"] for it in statements] == ["one", "pair"], statements)
athena.update_prepared_statement(StatementName="pair", QueryStatement="SELECT ? AS a", **group)
statement = athena.get_prepared_statement(StatementName="pair", **group)["PreparedStatement"]
check(statement["QueryStatement"] == "SELECT ? AS a" and statement["LastModifiedTime"].date() == day, statement)
both = athena.batch_get_prepared_statement(PreparedStatementNames=["pair", "nobody"], **group)
check(len(both["PreparedStatements"]) == len(both["UnprocessedPreparedStatementNames"]) == 1, both)
ended("DEALLOCATE PREPARE one")
athena.delete_prepared_statement(StatementName="pair", **group)
refused("ResourceNotFoundException", athena.get_prepared_statement, StatementName="pair", **group)
refused(invalid, start, sql="SELECT 1", WorkGroup="nobody")
refused(invalid, athena.get_query_execution, QueryExecutionId="nobody")
token = "0123456789" * 4
again = [start("SELECT 2", ClientRequestToken=token) for _ in range(2)]
check(again[0] == again[1], again)
refused(invalid, start, sql="SELECT 3", ClientRequestToken=token)
check(athena.list_query_executions()["QueryExecutionIds"][0] == again[0], "newest first")
page = athena.list_query_executions(MaxResults=2)
check(len(page["QueryExecutionIds"]) == 2 and page["NextToken"], page)
batch = athena.batch_get_query_execution(QueryExecutionIds=[identifier, "nobody"])
check(len(batch["QueryExecutions"]) == len(batch["UnprocessedQueryExecutionIds"]) == 1, batch)
athena.stop_query_execution(QueryExecutionId=identifier)
check(athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]["Status"]["State"] == "SUCCEEDED", identifier)
statistics = athena.get_query_runtime_statistics(QueryExecutionId=identifier)["QueryRuntimeStatistics"]
check(statistics["Rows"]["OutputRows"] == 1, statistics)

# The catalog.
check(ended("CREATE DATABASE net")["StatementType"] == "DDL", "DDL")
ddl = """CREATE EXTERNAL TABLE IF NOT EXISTS net.flows (version int, account string) PARTITIONED BY (day string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION 's3://suite-results/flows/'"""
ended(ddl)
check(rows("SHOW TABLES IN net") == [["flows"]], "no header")
check(rows("SELECT count(*) AS n FROM flows", QueryExecutionContext={"Database": "net"}) == [["n"], ["0"]], "empty")
ended("CREATE TABLE", state="FAILED")
databases = athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
check([it["Name"] for it in databases] == ["default", "net"], databases)
check(athena.get_database(CatalogName="AwsDataCatalog", DatabaseName="net")["Database"]["Name"] == "net", "net")
refused("MetadataException", athena.get_database, CatalogName="AwsDataCatalog", DatabaseName="nobody")
refused(invalid, athena.list_databases, CatalogName="nobody")
tables = athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="net")["TableMetadataList"]
table = athena.get_table_metadata(CatalogName="awsdatacatalog", DatabaseName="NET", TableName="flows")["TableMetadata"]
check(tables == [table] and table["PartitionKeys"] == [{"Name": "day", "Type": "string"}], table)
check(table["Parameters"]["location"].startswith("s3://suite-results/flows"), table)
refused("MetadataException", athena.get_table_metadata, CatalogName="AwsDataCatalog", DatabaseName="net", TableName="x")
ready = athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="default")["TableMetadataList"]
table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="default", TableName="flow_logs")["TableMetadata"]
check(ready == [table] and {"Name": "srcaddr", "Type": "string"} in table["Columns"], ready)
check(athena.list_data_catalogs()["DataCatalogsSummary"][0]["CatalogName"] == "AwsDataCatalog", "catalogs")
check(athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE", "catalog")
check(athena.list_engine_versions()["EngineVersions"], "engines")

# Workgroups and named queries.
athena.create_work_group(Name="suite", Configuration={"ResultConfiguration": {"OutputLocation": "s3://suite-group/"}},
                         Tags=[{"Key": "team", "Value": "net"}])
refused(invalid, athena.create_work_group, Name="suite")
check({it["Name"] for it in athena.list_work_groups()["WorkGroups"]} == {"primary", "suite"}, "two")
own = ended("SELECT 1", WorkGroup="suite")["ResultConfiguration"]["OutputLocation"]
check(own.startswith("s3://suite-group/"), own)
named = athena.create_named_query(Name="one", Database="default", QueryString="SELECT 1", WorkGroup="suite")["NamedQueryId"]
check(athena.get_named_query(NamedQueryId=named)["NamedQuery"]["QueryString"] == "SELECT 1", named)
athena.update_named_query(NamedQueryId=named, Name="two", QueryString="SELECT 2")
check(athena.list_named_queries(WorkGroup="suite")["NamedQueryIds"] == [named], named)
check(athena.batch_get_named_query(NamedQueryIds=[named])["NamedQueries"][0]["Name"] == "two", named)
refused(invalid, athena.delete_work_group, WorkGroup="suite")
athena.delete_named_query(NamedQueryId=named)
athena.update_work_group(WorkGroup="suite", State="DISABLED")
check(athena.get_work_group(WorkGroup="suite")["WorkGroup"]["State"] == "DISABLED", "suite")
refused(invalid, start, sql="SELECT 1", WorkGroup="suite")
account = client("sts").get_caller_identity()["Account"]
arn = f"arn:aws:athena:{athena.meta.region_name}:{account}:workgroup/suite"
athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "ops"}, {"Key": "x", "Value": "y"}])
athena.untag_resource(ResourceARN=arn, TagKeys=["x"])
check(athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ops"}], "tags")
refused("ResourceNotFoundException", athena.list_tags_for_resource, ResourceARN=arn + "s")
athena.delete_work_group(WorkGroup="suite")

# As Terraform applies one twice: everything is stated, and what there is none of is removed.
def configured(name):
    return athena.get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"]


athena.create_work_group(Name="bare")
bare = configured("bare")
check(bare["EnforceWorkGroupConfiguration"] and bare["PublishCloudWatchMetricsEnabled"], bare)
check(not bare["RequesterPaysEnabled"] and "BytesScannedCutoffPerQuery" not in bare and bare["ResultConfiguration"] == {}, bare)
check(bare["EngineVersion"] == {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}, bare)
engine = {"SelectedEngineVersion": "Athena engine version 3", "EffectiveEngineVersion": "Athena engine version 3"}
stated = {"EnforceWorkGroupConfiguration": False, "PublishCloudWatchMetricsEnabled": False, "RequesterPaysEnabled": False,
          "BytesScannedCutoffPerQuery": 10485760, "EngineVersion": engine, "ResultConfiguration": {
              "OutputLocation": "s3://suite-group/", "ExpectedBucketOwner": account,
              "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
              "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"}}}
off = {"EnableMinimumEncryptionConfiguration": False, "ManagedQueryResultsConfiguration": {"Enabled": False}}
athena.create_work_group(Name="terraform", Configuration=stated | off, Tags=[{"Key": "team", "Value": "net"}])
check(configured("terraform") == stated, configured("terraform"))
own = ended("SELECT 1", WorkGroup="terraform", ResultConfiguration=place)["ResultConfiguration"]["OutputLocation"]
check(own.startswith(place["OutputLocation"]), "the client's, if it is not enforced")
kept = {"RemoveOutputLocation": False, "RemoveEncryptionConfiguration": False, "RemoveExpectedBucketOwner": False,
        "RemoveAclConfiguration": False}
same = {"ResultConfigurationUpdates": kept, "RemoveBytesScannedCutoffPerQuery": False, "EnforceWorkGroupConfiguration": False,
        "PublishCloudWatchMetricsEnabled": False, "RequesterPaysEnabled": False, "EnableMinimumEncryptionConfiguration": False,
        "RemoveCustomerContentEncryptionConfiguration": False, "ManagedQueryResultsConfigurationUpdates": {"Enabled": False}}
athena.update_work_group(WorkGroup="terraform", ConfigurationUpdates=same)
check(configured("terraform") == stated, "nothing was said")
away = {"ResultConfigurationUpdates": {it: True for it in kept if it != "RemoveOutputLocation"},
        "RemoveBytesScannedCutoffPerQuery": True, "EngineVersion": {"SelectedEngineVersion": "AUTO"},
        "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": True}
athena.update_work_group(WorkGroup="terraform", ConfigurationUpdates=away)
left = configured("terraform")
check(left == bare | {"ResultConfiguration": {"OutputLocation": "s3://suite-group/"}}, left)
other = {"ResultConfigurationUpdates": {"ExpectedBucketOwner": "210987654321"}}
athena.update_work_group(WorkGroup="terraform", ConfigurationUpdates=other)
refused(invalid, start, sql="SELECT 1", WorkGroup="terraform")
athena.update_work_group(WorkGroup="terraform", ConfigurationUpdates={"ResultConfigurationUpdates": {it: True for it in kept}})
check(configured("terraform") == bare, configured("terraform"))
kms = {"EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "alias/x"}}
refused(invalid, athena.create_work_group, Name="kms", Configuration={"ResultConfiguration": kms})
refused(invalid, athena.create_work_group, Name="kms", Configuration={"EnableMinimumEncryptionConfiguration": True})
refused(invalid, athena.create_work_group, Name="none", Tags=[])
for name in ["bare", "terraform"]:
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)
refused("UnknownOperationException", athena.list_application_dpu_sizes)

check(not untried(), untried())
done()
